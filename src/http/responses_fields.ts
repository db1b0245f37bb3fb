import { RequestError } from "../base/errors.ts";
import { droppedFields } from "./fields_without_effect.ts";
import type { ResponsesBody } from "./responses_schema.ts";

type Raw = Readonly<Record<string, unknown>>;

/** What `include` may name that this server has. */
export const logprobsInclude = "message.output_text.logprobs";

const stateless = "nothing is stored here, so every request brings its whole conversation";

/** Fields that would change the answer and cannot be had here: which values ask for nothing, and what to say. */
const refused: readonly { param: string; harmless?: (value: unknown) => boolean; reason: string }[] = [
  { param: "previous_response_id", reason: stateless },
  { param: "conversation", reason: stateless },
  {
    param: "store",
    harmless: (value) => value === false,
    reason: "nothing is stored here",
  },
  { param: "response_format", reason: 'it is "text.format" here' },
  { param: "prompt", reason: "no prompts are stored here" },
  {
    param: "background",
    harmless: (value) => value === false,
    reason: "an answer is computed while its caller waits",
  },
];

/**
 * Refuses what cannot be done and must not be dropped silently. `null` always means left out.
 *
 * @throws {RequestError} Naming the field.
 */
export function refuseResponsesFields(raw: Raw): void {
  for (const { param, harmless, reason } of refused) {
    const value = raw[param];
    if (value === undefined || value === null || harmless?.(value)) continue;
    throw new RequestError(`"${param}" must be left out: ${reason}`, {
      param,
      code: "unsupported_parameter",
    });
  }
}

/** Fields of the request that have no effect, by name; those of nested objects behind the name of their owner. */
export function ignoredResponsesFields(raw: Raw, body: ResponsesBody): string[] {
  const names = droppedFields(raw, body).filter((name) => !refused.some(({ param }) => param === name));
  if (body.stream_options?.include_obfuscation) names.push("stream_options.include_obfuscation");
  if (body.include?.some((name) => name !== logprobsInclude)) names.push("include");
  return names;
}
