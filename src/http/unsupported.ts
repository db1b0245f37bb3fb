import { RequestError } from "../base/errors.ts";
import { droppedFields } from "./fields_without_effect.ts";
import type { ChatBody } from "./schemas.ts";

type Raw = Readonly<Record<string, unknown>>;

/** Fields that change the answer and that we cannot act on yet: which values ask for nothing, and what to say. */
const refused: readonly { param: string; harmless: (value: unknown) => boolean; reason: string }[] = [
  { param: "functions", harmless: isEmpty, reason: 'must be left out: use "tools"' },
  {
    param: "function_call",
    harmless: (v) => v === "auto" || v === "none",
    reason: 'must be left out: use "tools"',
  },
  { param: "modalities", harmless: isTextOnly, reason: 'must be ["text"]: this model writes text only' },
  { param: "audio", harmless: () => false, reason: "must be left out: this model makes no sound" },
  {
    param: "web_search_options",
    harmless: () => false,
    reason: "must be left out: this server searches nothing",
  },
  { param: "chat_template", harmless: () => false, reason: "must be left out: the checkpoint's own is used" },
];

/**
 * Refuses what cannot be done and must not be dropped silently. `null` always means left out.
 *
 * @throws {RequestError} Naming the field and what it may be.
 */
export function refuseUnsupported(raw: Raw): void {
  for (const { param, harmless, reason } of refused) {
    const value = raw[param];
    if (value === undefined || value === null || harmless(value)) continue;
    throw new RequestError(`"${param}" ${reason}`, { param, code: "unsupported_parameter" });
  }
}

/** Fields of the request that have no effect, by name. `tools` are printed into the prompt with all that they hold. */
export function ignoredFields({ tools: _, ...raw }: Raw, body: ChatBody): string[] {
  return droppedFields(raw, body).filter((name) => !refused.some(({ param }) => param === name));
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function isTextOnly(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => item === "text");
}
