import type { MllamaConfig } from "../model/config.ts";
import { soleSequence } from "./job.ts";
import type { EngineImage } from "./protocol.ts";
import type { Runner } from "./runner.ts";
import { greedy, type Sampling } from "./sampling.ts";
import type { Sequence } from "./sequence.ts";

/** Sampling that has every stage: tokens are counted, logits changed, and the choice is drawn. */
const drawn: Sampling = { ...greedy, temperature: 1, topK: 20, topP: 0.9, repetitionPenalty: 1.1 };

/**
 * Runs the model once on nothing: a picture of as many tiles as there can be, then prompts and single tokens, with
 * and without the picture. Kernels are compiled when they are first used, and memory is first touched; without this
 * the first request would pay for both. Nothing of it is remembered: what it leaves in the caches lies where they are
 * free.
 *
 * @param onProgress called with the runs so far, and in all
 */
export function warmUp(
  runner: Runner,
  config: MllamaConfig,
  onProgress: (done: number, total: number) => void = () => {},
): void {
  const { limits } = runner;
  const image = greyImage(config, limits.imageTiles);
  const tiles = Array.from({ length: image.rows * image.columns }, (_, tile) => tile);
  const rows = Math.min(limits.chunkSize, limits.contextLength - 1, limits.kvTokens - 1);
  const samplings = [greedy, drawn];
  const pictures = [[], [image]];
  const total = 1 + samplings.length * pictures.length * stepSizes(rows).length;
  let done = 0;
  onProgress(done, total);
  runner.encodeImage(image, tiles);
  onProgress(++done, total);
  for (const sampling of samplings) {
    for (const images of pictures) {
      const sequence = placedSequence(runner, config, rows, images, sampling);
      if (images.length > 0) sequence.cachedImages = [{ hash: image.hash, tiles, encoded: true, holders: 1 }];
      for (const count of stepSizes(rows)) {
        runner.collect(runner.submit([{ sequence, begin: rows - count, end: rows, output: true }]));
        onProgress(++done, total);
      }
    }
  }
}

/**
 * Rows for which the kernels differ: many, a few, and a single one. All come first: the others attend to the rows before
 * theirs, which must have been written.
 */
function stepSizes(most: number): number[] {
  return [most, 16, 8, 4, 2, 1].filter((count) => count <= most);
}

/** A sequence that computes `rows` tokens in the first blocks of the text cache. */
function placedSequence(
  { limits }: Runner,
  { text, generation, imageTokenIndex }: MllamaConfig,
  rows: number,
  images: readonly EngineImage[],
  sampling: Sampling,
): Sequence {
  const tokens = Array.from(
    { length: rows },
    (_, i) => i < images.length ? imageTokenIndex : i % text.vocabSize,
  );
  tokens[images.length] = generation.bosTokenId;
  const request = { id: -1, tokens, images, sampling: { ...sampling, seed: 0 }, maxTokens: 1, stopIds: [] };
  const sequence = soleSequence(request, imageTokenIndex);
  sequence.slot = 0;
  for (let block = 0; block * limits.blockSize < rows; block++) sequence.blocks.push(block);
  return sequence;
}

/** A picture of one colour in the arrangement with the most tiles that the cache can hold. */
function greyImage({ vision }: MllamaConfig, mostTiles: number): EngineImage {
  const fitting = vision.supportedAspectRatios.map(([rows, columns], i) => ({
    rows,
    columns,
    aspectRatioId: i + 1,
  }))
    .filter(({ rows, columns }) => rows * columns <= mostTiles);
  const arrangement = fitting.reduce((a, b) => b.rows * b.columns > a.rows * a.columns ? b : a);
  const width = arrangement.columns * vision.imageSize;
  const height = arrangement.rows * vision.imageSize;
  const pixels = new Uint8Array(width * height * 3).fill(127);
  return { ...arrangement, hash: "", width, height, pixels };
}
