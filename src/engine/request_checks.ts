import { RequestError } from "../base/errors.ts";
import type { EngineRequest } from "./protocol.ts";
import type { RunnerLimits } from "./runner_layout.ts";
import { maxLogprobs } from "./sample_buffer.ts";
import type { WaitingQueue } from "./waiting_queue.ts";

/** Choices that one request may have. */
const mostChoices = 16;
/** Which token ids a model knows: those that it can choose, and the one that stands for an image. */
export interface TokenIds {
  readonly vocabSize: number;
  readonly imageToken: number;
}

/** What of a model bounds a request. */
export interface ModelBounds extends TokenIds {
  /** Most tokens that prompt and answer can have in this model, whatever the memory. */
  readonly longestContext: number;
}

/** Tokens whose logits one request may shift. */
const mostBiases = 1024;

/**
 * Refuses what can never be served, before anything is queued.
 *
 * @throws {RequestError} Naming the limit, the value and what changes it.
 */
export function checkRequest(
  request: EngineRequest,
  limits: Pick<RunnerLimits, "contextLength" | "imageTiles">,
  model: ModelBounds,
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
  checkTokens(request, model);
  checkSize(request, limits, model);
}

/** Refuses prompts and images that do not fit. */
export function checkSize(
  { tokens, images, maxTokens }: Pick<EngineRequest, "tokens" | "images" | "maxTokens">,
  { contextLength, imageTiles }: Pick<RunnerLimits, "contextLength" | "imageTiles">,
  { longestContext }: Pick<ModelBounds, "longestContext">,
): void {
  if (tokens.length === 0) throw new RequestError("The prompt is empty", { param: "messages" });
  if (tokens.length + maxTokens > contextLength) {
    throw new RequestError(
      `The prompt of ${tokens.length} tokens and ${maxTokens} new ones exceed the context of ${contextLength}`,
      {
        param: "messages",
        code: "context_length_exceeded",
        remedy: contextLength < longestContext
          ? "Shorten the prompt, lower max_tokens or raise --ctx-size"
          : "Shorten the prompt or lower max_tokens: the model can hold no more",
      },
    );
  }
  const tiles = tileCount(images);
  if (tiles > imageTiles) {
    throw new RequestError(`The images take ${tiles} tiles, the image cache holds ${imageTiles}`, {
      param: "messages",
      code: "too_many_images",
      remedy: `Send fewer images or raise --image-tiles to ${tiles}`,
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

/** What a request ends with that was not done in time. */
export function tookTooLong({ deadlineMs }: EngineRequest): RequestError {
  return new RequestError(`The request took longer than its deadline of ${deadlineMs} ms`, {
    code: "deadline_exceeded",
    remedy: "Try again later, or allow it more time",
  });
}

/** Tiles of all images together. */
export function tileCount(images: EngineRequest["images"]): number {
  return images.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
}

/**
 * Refuses a mask that leaves no token to choose, or is one of another vocabulary.
 *
 * @param after number of the token that it is for
 * @throws {RequestError}
 */
export function checkMask(mask: Uint32Array | null, after: number, vocabSize: number): void {
  if (!mask) return;
  const words = Math.ceil(vocabSize / 32);
  if (mask.length !== words) {
    throw new RequestError(
      `The constraint gave a mask of ${mask.length} words, ${vocabSize} tokens need ${words}`,
      { code: "invalid_mask" },
    );
  }
  // Bits behind the vocabulary stand for nothing.
  const last = mask[words - 1]! & (2 ** (vocabSize - 32 * (words - 1)) - 1);
  if (last !== 0) return;
  for (let i = 0; i < words - 1; i++) if (mask[i] !== 0) return;
  throw new RequestError(`The constraint allows no token after ${after} others`, {
    code: "invalid_mask",
    remedy: "The end of the answer must be allowed where nothing else is",
  });
}

/** Refuses ids that the model has no row for, because they reach the device as they are, and images without a place. */
export function checkTokens(
  { tokens, images, sampling: { logitBias = [] }, stopIds }: EngineRequest,
  { vocabSize, imageToken }: TokenIds,
): void {
  const text = tokens.filter((id) => id !== imageToken);
  checkIds("messages", text, vocabSize);
  checkIds("logit_bias", logitBias.map(([id]) => id), vocabSize);
  checkIds("stop_token_ids", stopIds, vocabSize);
  const places = tokens.length - text.length;
  if (places === images.length) return;
  throw new RequestError(`The prompt has image tokens for ${places} images, ${images.length} are sent`, {
    param: "messages",
    code: "invalid_value",
  });
}

function checkIds(param: string, ids: readonly number[], vocabSize: number): void {
  const wrong = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabSize));
  if (wrong === undefined) return;
  throw new RequestError(
    `Token ids of "${param}" are whole numbers from 0 to ${vocabSize - 1}, not ${wrong}`,
    { param, code: "invalid_value" },
  );
}

function checkSampling({ sampling: { logitBias = [], logprobs = 0 } }: EngineRequest): void {
  if (logitBias.length > mostBiases) {
    throw new RequestError(`The logit bias names ${logitBias.length} tokens, ${mostBiases} are allowed`, {
      param: "logit_bias",
    });
  }
  if (!(Number.isInteger(logprobs) && logprobs >= 0 && logprobs <= maxLogprobs)) {
    throw new RequestError(`Log probabilities come for 0 to ${maxLogprobs} tokens, not for ${logprobs}`, {
      param: "top_logprobs",
    });
  }
}
