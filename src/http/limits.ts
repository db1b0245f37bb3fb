import { requestLimits } from "../runtime/request_settings.ts";

/** What one request may cost before it is looked at. Each refusal names the limit. */
export const limits = {
  /** Eight pictures of 3 MB in base64, or one of 20 MB. */
  bodyBytes: 32 * 1024 * 1024,
  /** All bodies that are read or worked on at a time, by what of each has arrived. */
  bodiesBytes: 2 * 1024 ** 3,
  /** A body of the largest size then needs 4.5 Mbit/s; a connection is not held for less. */
  uploadMs: 60_000,
  /** `JSON.parse` takes 10^5 levels, but what walks the result does not. */
  jsonDepth: 64,
  /**
   * Commas and colons outside strings: bounds the objects that parsing makes out of cheap bytes. The longest context,
   * 131,072 tokens, has a place as a prompt of ids; the costliest body of so many takes a quarter of a second.
   */
  jsonValues: 160_000,
  messages: 4096,
  images: requestLimits.pictures,
  /** Pictures of one request that are fetched at the same time. */
  imageFetches: 4,
  tools: 128,
  /** What a caller of `/v1/responses` wants to be told beside. */
  includes: 32,
  metadata: 16,
  /** What the engine computes for one prompt at most. */
  choices: 16,
  /** Prompts of a text completion, and their choices together. */
  prompts: 16,
  stops: requestLimits.stops,
  stopLength: 256,
  stopTokenIds: 64,
} as const;
