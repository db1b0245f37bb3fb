import { roundMs } from "../base/units.ts";
import type { Usage } from "../runtime/request.ts";

/** The tokens that a request has taken so far. */
export interface TokenCounts {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

export function tokenCounts(promptTokens: number, completionTokens: number): TokenCounts {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

interface UsageBody extends TokenCounts {
  readonly prompt_tokens_details: { readonly cached_tokens: number };
  readonly llamav?: unknown;
}

/**
 * The `usage` of a complete answer: OpenAI's numbers, and under `llamav` what only this server knows.
 *
 * @param strict leaves the second part out
 */
export function usageBody(usage: Usage, strict: boolean): UsageBody {
  const published = {
    ...tokenCounts(usage.promptTokens, usage.completionTokens),
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
  };
  return strict ? published : { ...published, llamav: extension(usage) };
}

/** The `usage` of a response, where the same numbers have other names. */
export function responsesUsageBody(usage: Usage, strict: boolean): unknown {
  const { promptTokens, completionTokens, cachedTokens } = usage;
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + completionTokens,
    ...(strict ? {} : { llamav: extension(usage) }),
  };
}

function extension({ imageTiles, cachedImages, timings }: Usage): unknown {
  return { image_tiles: imageTiles, image_cache_hits: cachedImages, ...stageTimes(timings) };
}

/** The stages of an answer, in milliseconds. */
export function stageTimes({ queueMs, imageMs, prefillMs, decodeMs }: Usage["timings"]) {
  return {
    queue_ms: roundMs(queueMs),
    image_ms: roundMs(imageMs),
    prefill_ms: roundMs(prefillMs),
    decode_ms: roundMs(decodeMs),
  };
}
