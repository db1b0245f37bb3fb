/**
 * The form of OpenAI's answers as JSON schemas, written for the tests from what its SDKs rely on: the program has its
 * own, and must not be judged by them. Nothing beside the API's fields may be there, but for `usage.llamav`.
 */

const count = { type: "integer", minimum: 0 };
const text = { type: "string" };
const orNull = (schema: object) => ({ anyOf: [schema, { type: "null" }] });
const list = (items: object) => ({ type: "array", items });

/** An object with these fields, of which all are required but the `optional` ones, and with no others. */
function object(required: Record<string, object>, optional: Record<string, object> = {}): object {
  return {
    type: "object",
    properties: { ...required, ...optional },
    required: Object.keys(required),
    additionalProperties: false,
  };
}

const usage = object(
  { prompt_tokens: count, completion_tokens: count, total_tokens: count },
  {
    prompt_tokens_details: object({}, { cached_tokens: count, audio_tokens: count }),
    completion_tokens_details: object({}, { reasoning_tokens: count, audio_tokens: count }),
    llamav: { type: "object" },
  },
);

const oneLogprob = {
  token: text,
  logprob: { type: "number", maximum: 0 },
  bytes: orNull(list({ type: "integer", minimum: 0, maximum: 255 })),
};
const logprobList = orNull(list(object({ ...oneLogprob, top_logprobs: list(object(oneLogprob)) })));
const logprobs = orNull(object({ content: logprobList, refusal: logprobList }));

const finishReason = { enum: ["stop", "length", "tool_calls", "content_filter", "function_call"] };

const head = (kind: string) => ({
  id: { type: "string", minLength: 1 },
  object: { const: kind },
  created: { type: "integer", minimum: 1_600_000_000 },
  model: text,
});
const extras = { service_tier: orNull(text), system_fingerprint: text };

const toolCall = object({
  id: { type: "string", minLength: 1 },
  type: { const: "function" },
  function: object({ name: text, arguments: text }),
});

/** CreateChatCompletionResponse */
export const chatCompletion = object({
  ...head("chat.completion"),
  choices: {
    ...list(object({
      index: count,
      message: object(
        { role: { const: "assistant" }, content: orNull(text), refusal: orNull(text) },
        { tool_calls: { ...list(toolCall), minItems: 1 } },
      ),
      logprobs,
      finish_reason: finishReason,
    })),
    minItems: 1,
  },
  usage,
}, { ...extras, metadata: { type: "object" } });

/** What the first piece of a call must have, and what the later ones may. */
const toolCallPiece = object({ index: count }, {
  id: { type: "string", minLength: 1 },
  type: { const: "function" },
  function: object({}, { name: text, arguments: text }),
});

/** CreateChatCompletionStreamResponse */
export const chatCompletionChunk = object({
  ...head("chat.completion.chunk"),
  choices: list(object({
    index: count,
    delta: object({}, {
      role: { const: "assistant" },
      content: orNull(text),
      refusal: orNull(text),
      tool_calls: { ...list(toolCallPiece), minItems: 1 },
    }),
    finish_reason: orNull(finishReason),
  }, { logprobs })),
}, { ...extras, usage: orNull(usage), obfuscation: text });

const textLogprobs = orNull(object({
  tokens: list(text),
  token_logprobs: list({ type: "number", maximum: 0 }),
  top_logprobs: list({ type: "object", additionalProperties: { type: "number", maximum: 0 } }),
  text_offset: list(count),
}));
const textChoice = (finish: object) =>
  list(object({ index: count, text, logprobs: textLogprobs, finish_reason: finish }));
const textFinish = { enum: ["stop", "length", "content_filter"] };

/** CreateCompletionResponse */
export const textCompletion = object({
  ...head("text_completion"),
  choices: { ...textChoice(textFinish), minItems: 1 },
  usage,
}, extras);

/** The same as a piece of a stream: the reason comes with the last piece of a choice. */
export const textCompletionChunk = object({
  ...head("text_completion"),
  choices: textChoice(orNull(textFinish)),
}, { ...extras, usage: orNull(usage) });

/** ErrorResponse: all four keys, whatever they hold. */
export const errorBody = object({
  error: object({
    message: { type: "string", minLength: 1 },
    type: {
      enum: [
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "not_found_error",
        "timeout_error",
        "rate_limit_error",
        "api_error",
      ],
    },
    param: orNull(text),
    code: orNull(text),
  }),
});
