import { serverStates } from "./readiness.ts";
import { z } from "./zod.ts";

/** The bodies of answers, as they are published in `openapi.json` and as the tests hold the server to them. */

const unixTime = z.int().min(0);
const count = z.int().min(0);

const tokenLogprob = z.strictObject({
  token: z.string(),
  logprob: z.number().max(0),
  bytes: z.array(z.int().min(0).max(255)).nullable(),
});
const logprobs = z.strictObject({
  content: z.array(tokenLogprob.extend({ top_logprobs: z.array(tokenLogprob) })).nullable(),
  refusal: z.null(),
});

const finishReason = z.enum(["stop", "length", "tool_calls", "content_filter"]);

/** What this server tells beside OpenAI's numbers. */
export const usageExtension = z.strictObject({
  image_tiles: count,
  image_cache_hits: count,
  queue_ms: z.number(),
  image_ms: z.number(),
  prefill_ms: z.number(),
  decode_ms: z.number(),
});

export const usageResponse = z.strictObject({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: z.strictObject({ cached_tokens: count }).optional(),
  llamav: usageExtension.optional(),
});

const toolCall = z.strictObject({
  id: z.string(),
  type: z.literal("function"),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
});

/** `chat.completion` */
export const completionResponse = z.strictObject({
  id: z.string(),
  object: z.literal("chat.completion"),
  created: unixTime,
  model: z.string(),
  choices: z.array(z.strictObject({
    index: count,
    message: z.strictObject({
      role: z.literal("assistant"),
      content: z.string().nullable(),
      refusal: z.null(),
      tool_calls: z.array(toolCall).optional(),
    }),
    logprobs: logprobs.nullable(),
    finish_reason: finishReason,
  })).min(1),
  usage: usageResponse,
});

/** `chat.completion.chunk` */
export const chunkResponse = z.strictObject({
  id: z.string(),
  object: z.literal("chat.completion.chunk"),
  created: unixTime,
  model: z.string(),
  choices: z.array(z.strictObject({
    index: count,
    delta: z.strictObject({
      role: z.literal("assistant").optional(),
      content: z.string().nullable().optional(),
      refusal: z.null().optional(),
      tool_calls: z.array(z.strictObject({
        index: count,
        id: z.string().optional(),
        type: z.literal("function").optional(),
        function: z.strictObject({ name: z.string().optional(), arguments: z.string().optional() })
          .optional(),
      })).optional(),
    }),
    logprobs: logprobs.nullable().optional(),
    finish_reason: finishReason.nullable(),
  })),
  usage: usageResponse.nullable().optional(),
});

const textLogprobs = z.strictObject({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().max(0)),
  top_logprobs: z.array(z.record(z.string(), z.number().max(0))),
  text_offset: z.array(count),
});

/** `text_completion` */
export const textCompletionResponse = z.strictObject({
  id: z.string(),
  object: z.literal("text_completion"),
  created: unixTime,
  model: z.string(),
  choices: z.array(z.strictObject({
    index: count,
    text: z.string(),
    logprobs: textLogprobs.nullable(),
    finish_reason: z.enum(["stop", "length"]),
  })).min(1),
  usage: usageResponse,
});

/** A piece of a `text_completion` in a stream. */
export const textCompletionChunk = textCompletionResponse.extend({
  choices: z.array(
    textCompletionResponse.shape.choices.element.extend({
      finish_reason: z.enum(["stop", "length"]).nullable(),
    }),
  ),
  usage: usageResponse.nullable().optional(),
});

export const errorResponse = z.strictObject({
  error: z.strictObject({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
});

export const modelResponse = z.strictObject({
  id: z.string(),
  object: z.literal("model"),
  created: unixTime,
  owned_by: z.string(),
  max_model_len: count.optional(),
});

export const modelListResponse = z.strictObject({
  object: z.literal("list"),
  data: z.array(modelResponse),
});

export const tokensResponse = z.strictObject({ tokens: z.array(count), count, max_model_len: count });
export const textResponse = z.strictObject({ prompt: z.string() });
export const versionResponse = z.strictObject({ version: z.string() });

/** The answer of a probe; bad news are an error, too. */
export const stateResponse = z.strictObject({
  status: z.enum(["ok", ...serverStates]),
  progress: z.number().min(0).max(1).optional(),
  error: errorResponse.shape.error.optional(),
});
