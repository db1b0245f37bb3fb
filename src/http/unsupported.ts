import { RequestError } from "../base/errors.ts";
import { unknownFields } from "./fields_without_effect.ts";
import { samplingFields } from "./sampling_fields.ts";
import { type ChatBody, chatSchema } from "./schemas.ts";

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

/** Fields of the request that have no effect, by name; those of nested objects behind the name of their owner. */
export function ignoredFields(raw: Raw, body: ChatBody): string[] {
  const names = unknownFields(raw, [
    ...Object.keys(chatSchema.shape),
    ...refused.map((field) => field.param),
  ]);
  const options = raw["stream_options"];
  if (typeof options === "object" && options !== null) {
    const known = Object.keys(samplingFields.stream_options.unwrap().unwrap().shape);
    names.push(...unknownFields(options as Raw, known, "stream_options."));
  }
  if (
    (raw["messages"] as { name?: unknown }[]).some(({ name }, i) => isNamed(name, body.messages[i]!.role))
  ) {
    names.push("messages.name");
  }
  return names;
}

/** Names of speakers are not in the template; only a function's result carries one by its nature. */
function isNamed(name: unknown, role: string): boolean {
  return name !== undefined && name !== null && role !== "function";
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function isTextOnly(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => item === "text");
}
