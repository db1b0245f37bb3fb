import { RequestError } from "../base/errors.ts";
import type { EngineRequest } from "./protocol.ts";
import type { RunnerLimits } from "./runner_layout.ts";
import type { WaitingQueue } from "./waiting_queue.ts";

/** Choices that one request may have. */
const mostChoices = 16;
/** Tokens whose logits one request may shift. */
const mostBiases = 1024;
/** Best tokens whose log probabilities come back. */
const mostLogprobs = 20;

/**
 * Refuses what can never be served, before anything is queued.
 *
 * @throws {RequestError} Naming the limit, the value and what changes it.
 */
export function checkRequest(
  request: EngineRequest,
  limits: Pick<RunnerLimits, "contextLength" | "imageTiles">,
): void {
  const { maxTokens, n = 1 } = request;
  if (!(maxTokens >= 1)) {
    throw new RequestError(`An answer has at least one token, ${maxTokens} are asked for`, {
      param: "max_tokens",
    });
  }
  if (!(Number.isInteger(n) && n >= 1 && n <= mostChoices)) {
    throw new RequestError(`A request has 1 to ${mostChoices} choices, ${n} are asked for`, { param: "n" });
  }
  checkSampling(request);
  checkSize(request, limits);
}

/** Refuses prompts and images that do not fit. */
export function checkSize(
  { tokens, images, maxTokens }: Pick<EngineRequest, "tokens" | "images" | "maxTokens">,
  { contextLength, imageTiles }: Pick<RunnerLimits, "contextLength" | "imageTiles">,
): void {
  if (tokens.length === 0) throw new RequestError("The prompt is empty", { param: "messages" });
  if (tokens.length + maxTokens > contextLength) {
    throw new RequestError(
      `The prompt of ${tokens.length} tokens and ${maxTokens} new ones exceed the context of ${contextLength}`,
      {
        param: "messages",
        code: "context_length_exceeded",
        remedy: "Shorten the prompt, lower max_tokens or raise --ctx-size",
      },
    );
  }
  const tiles = tileCount(images);
  if (tiles > imageTiles) {
    throw new RequestError(`The images take ${tiles} tiles, the image cache holds ${imageTiles}`, {
      param: "messages",
      code: "too_many_images",
      remedy: "Send fewer images or raise --image-tiles",
    });
  }
}

/**
 * Refuses one more when too many wait. A request that would wait alone is taken, whatever its size.
 *
 * @param tokens what the request counts for
 * @throws {RequestError} With the code "queue_full".
 */
export function checkQueue(
  { requestCount, tokens: queued }: Pick<WaitingQueue, "requestCount" | "tokens">,
  tokens: number,
  { maxQueued, maxQueuedTokens }: { readonly maxQueued: number; readonly maxQueuedTokens: number },
): void {
  if (requestCount >= maxQueued) {
    throw new RequestError(`${requestCount} requests are waiting, which is the limit`, {
      code: "queue_full",
      remedy: "Try again later, or raise --max-num-queued-reqs",
    });
  }
  if (requestCount > 0 && queued + tokens > maxQueuedTokens) {
    throw new RequestError(
      `Requests of ${queued} tokens are waiting, ${tokens} more exceed the limit of ${maxQueuedTokens}`,
      { code: "queue_full", remedy: "Try again later, or raise --max-num-queued-tokens" },
    );
  }
}

/** Tiles of all images together. */
export function tileCount(images: EngineRequest["images"]): number {
  return images.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
}

function checkSampling({ sampling: { logitBias = [], logprobs = 0 } }: EngineRequest): void {
  if (logitBias.length > mostBiases) {
    throw new RequestError(`The logit bias names ${logitBias.length} tokens, ${mostBiases} are allowed`, {
      param: "logit_bias",
    });
  }
  if (!(Number.isInteger(logprobs) && logprobs >= 0 && logprobs <= mostLogprobs)) {
    throw new RequestError(`Log probabilities come for 0 to ${mostLogprobs} tokens, not for ${logprobs}`, {
      param: "top_logprobs",
    });
  }
}
