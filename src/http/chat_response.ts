import type { FinishReason, Usage } from "../runtime/request.ts";

/** What all chunks of one answer share. */
export interface Envelope {
  readonly id: string;
  /** Unix time in seconds. */
  readonly created: number;
  /** The name the model is served under. */
  readonly model: string;
}

/** A `chat.completion`: the whole answer at once. */
export function completion(
  envelope: Envelope,
  text: string,
  finishReason: FinishReason,
  usage: Usage,
): unknown {
  return {
    id: envelope.id,
    object: "chat.completion",
    created: envelope.created,
    model: envelope.model,
    choices: [{
      index: 0,
      message: { role: "assistant", content: text, refusal: null },
      logprobs: null,
      finish_reason: finishReason,
    }],
    usage: usageBody(usage),
  };
}

export interface Delta {
  readonly role?: "assistant";
  readonly content?: string;
}

/**
 * One `chat.completion.chunk` with a piece of the answer.
 *
 * @param withUsage whether the client asked for usage: then every chunk but the last says `usage: null`
 */
export function chunk(
  envelope: Envelope,
  delta: Delta,
  finishReason: FinishReason | null,
  withUsage: boolean,
): unknown {
  return {
    ...chunkHead(envelope),
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
    ...(withUsage ? { usage: null } : {}),
  };
}

/** The chunk after the last one, when the client asked for usage. */
export function usageChunk(envelope: Envelope, usage: Usage): unknown {
  return { ...chunkHead(envelope), choices: [], usage: usageBody(usage) };
}

function chunkHead({ id, created, model }: Envelope): Record<string, unknown> {
  return { id, object: "chat.completion.chunk", created, model };
}

/** OpenAI's three numbers, and under `llamav` what only this server knows. */
function usageBody(usage: Usage): unknown {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    llamav: {
      image_tiles: usage.imageTiles,
      cached_images: usage.cachedImages,
      queue_ms: microseconds(usage.timings.queueMs),
      image_ms: microseconds(usage.timings.imageMs),
      prefill_ms: microseconds(usage.timings.prefillMs),
      decode_ms: microseconds(usage.timings.decodeMs),
    },
  };
}

/** Milliseconds to three places: what a clock can tell. */
function microseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
