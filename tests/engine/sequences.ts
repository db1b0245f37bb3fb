import type { EngineImage, EngineRequest } from "../../src/engine/protocol.ts";
import { Sampler } from "../../src/engine/sampler.ts";
import { greedy } from "../../src/engine/sampling.ts";
import { type Choice, Sequence } from "../../src/engine/sequence.ts";
import { imageVisibility } from "../../src/model/image_visibility.ts";

export const imageToken = 999;

/** An image of `tiles` tiles in a row, without pixels: for tests that compute nothing. */
export function blankImage(hash: string, tiles = 1): EngineImage {
  return {
    hash,
    rows: 1,
    columns: tiles,
    width: 1,
    height: 1,
    pixels: new Uint8Array(3),
    aspectRatioId: tiles,
  };
}

/** A greedy sequence of `length` text tokens behind one token for each image. */
export function blankSequence(
  id: number,
  length: number,
  maxTokens: number,
  images: readonly EngineImage[] = [],
  more: Partial<EngineRequest> = {},
  place: Partial<Choice> = {},
): Sequence {
  const tokens = [...images.map(() => imageToken), ...Array.from({ length }, (_, i) => i % 100)];
  const request: EngineRequest = { id, tokens, images, sampling: greedy, maxTokens, stopIds: [], ...more };
  const choice = { index: 0, seed: 0, prefixRoot: "shared", ...place };
  return new Sequence(request, new Sampler(greedy), imageVisibility(tokens, imageToken), choice);
}
