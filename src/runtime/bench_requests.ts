import type { EngineImage } from "../engine/protocol.ts";
import type { MllamaConfig } from "../model/config.ts";

/** The numbers after a seed; written down in few lines, so that other programs can be given the same prompts. */
function nextWord(word: number): number {
  return (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0;
}

/**
 * A prompt of random token ids, so that checkpoints without a tokenizer can be measured: of `wordᵢ₊₁ = 1664525 · wordᵢ
 * + 1013904223 mod 2³²`, from the seed on, ids are `5 + ⌊word / 256⌋ mod (V − 600)`. The last 600 ids, where control
 * tokens lie, are left out, unless the vocabulary has not many more.
 */
export function randomPrompt(
  { text: { vocabSize }, imageTokenIndex }: Pick<MllamaConfig, "text" | "imageTokenIndex">,
  seed: number,
  length: number,
): number[] {
  const span = vocabSize > 1000 ? vocabSize - 600 : Math.max(1, vocabSize - 5);
  let word = seed >>> 0 || 1;
  return Array.from({ length }, () => {
    word = nextWord(word);
    const id = 5 + (word >>> 8) % span;
    return id === imageTokenIndex ? id - 1 : id;
  });
}

/** A picture of noise that fills so many tiles. The same seed gives the same picture, another one another. */
export function randomImage(
  { vision: { supportedAspectRatios, imageSize } }: Pick<MllamaConfig, "vision">,
  seed: number,
  tileCount: number,
): EngineImage {
  const index = supportedAspectRatios.findIndex(([rows, columns]) => rows * columns === tileCount);
  if (index < 0) throw new RangeError(`The model has no arrangement of ${tileCount} tiles`);
  const [rows, columns] = supportedAspectRatios[index]!;
  const [width, height] = [columns * imageSize, rows * imageSize];
  const pixels = new Uint8Array(width * height * 3);
  let word = seed >>> 0 || 1;
  for (let i = 0; i < pixels.length; i++) {
    word = nextWord(word);
    pixels[i] = word >>> 24;
  }
  const hash = `noise ${seed} ${rows}x${columns}`;
  return { hash, pixels, width, height, rows, columns, aspectRatioId: index + 1 };
}
