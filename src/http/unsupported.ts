import { RequestError } from "../base/errors.ts";
import { type ChatBody, chatSchema } from "./schemas.ts";

type Raw = Readonly<Record<string, unknown>>;

/** Fields that change the answer and that we cannot act on yet: which values ask for nothing, and what to say. */
const refused: readonly { param: string; harmless: (value: unknown) => boolean; reason: string }[] = [
  { param: "n", harmless: (v) => v === 1, reason: "must be 1: one request gives one answer" },
  {
    param: "logprobs",
    harmless: (v) => v === false,
    reason: "must be false: log probabilities are not returned",
  },
  {
    param: "top_logprobs",
    harmless: () => false,
    reason: "must be left out: log probabilities are not returned",
  },
  { param: "logit_bias", harmless: isEmpty, reason: "must be empty: tokens cannot be biased" },
  {
    param: "response_format",
    harmless: isTextFormat,
    reason: 'must be {"type": "text"}: answers are plain text',
  },
  {
    param: "tool_choice",
    harmless: (v) => v === "auto" || v === "none",
    reason: 'must be "auto" or "none": a call cannot be forced',
  },
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
export function refuseUnsupported(raw: Raw, body: ChatBody): void {
  for (const { param, harmless, reason } of refused) {
    const value = raw[param];
    if (value === undefined || value === null || harmless(value)) continue;
    throw new RequestError(`"${param}" ${reason}`, { param, code: "unsupported_parameter" });
  }
  if (body.stream_options && body.stream !== true) {
    throw new RequestError('"stream_options" needs "stream": true', {
      param: "stream_options",
      code: "invalid_value",
    });
  }
}

const maxListed = 32;

/** Fields of the request that have no effect, for the `x-llamav-ignored` header; empty when all had one. */
export function ignoredFields(raw: Raw, body: ChatBody): string {
  const known = new Set([...Object.keys(chatSchema.shape), ...refused.map((field) => field.param)]);
  const names = Object.keys(raw).filter((name) => !known.has(name) && raw[name] !== null);
  const options = raw["stream_options"];
  if (typeof options === "object" && options !== null) {
    names.push(
      ...Object.keys(options).filter((n) => n !== "include_usage").map((n) => `stream_options.${n}`),
    );
  }
  if (hasDetail(body)) names.push("image_url.detail");
  if (
    (raw["messages"] as { name?: unknown }[]).some(({ name }, i) => isNamed(name, body.messages[i]!.role))
  ) {
    names.push("messages.name");
  }
  // Names are the client's: only what a header can carry goes back, and no more than a screenful.
  return names.filter((name) => /^[\w.-]{1,64}$/.test(name)).slice(0, maxListed).join(", ");
}

function hasDetail(body: ChatBody): boolean {
  return body.messages.some((message) =>
    message.role === "user" &&
    message.content.some((part) => part.type === "image_url" && (part.image_url.detail ?? "auto") !== "auto")
  );
}

/** Names of speakers are not in the template; only a function's result carries one by its nature. */
function isNamed(name: unknown, role: string): boolean {
  return name !== undefined && name !== null && role !== "function";
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function isTextFormat(value: unknown): boolean {
  return typeof value === "object" && value !== null && (value as { type?: unknown }).type === "text";
}

function isTextOnly(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => item === "text");
}
