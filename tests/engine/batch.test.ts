import { afterAll, describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/base/assert.ts";
import { type BatchLimits, batchShapes, StepBuffer, type StepPart } from "../../src/engine/batch.ts";
import { ImageCache } from "../../src/engine/image_cache.ts";
import { Arena } from "../../src/gpu/memory.ts";
import type { Tensor } from "../../src/gpu/tensor.ts";
import { tableBytes } from "../../src/model/shapes.ts";
import { openTestDevice } from "../support/gpu.ts";
import { blankImage, blankSequence, imageToken } from "./sequences.ts";

const limits: BatchLimits = {
  rows: 12,
  sequences: 3,
  blocksPerSequence: 5,
  tilesPerSequence: 6,
  outputs: 12,
  tokens: imageToken + 1,
};
const blockSize = 4;
const none = 0xffffffff;

const arena = new Arena(openTestDevice(), "steps", tableBytes(batchShapes(limits)), "shared");
const buffer = new StepBuffer(arena, limits, blockSize);
afterAll(() => arena.dispose());

function values(tensor: Tensor): number[] {
  const { buffer, byteOffset, byteLength } = arena.view(tensor);
  return [...new Uint32Array(buffer, byteOffset, byteLength / 4)];
}

/** A running sequence whose blocks lie where the test wants them. */
function running(blocks: number[], ...args: Parameters<typeof blankSequence>) {
  const sequence = blankSequence(...args);
  sequence.blocks.push(...blocks);
  const images = sequence.images.map(({ hash, rows, columns }) => ({ hash, tileCount: rows * columns }));
  sequence.cachedImages = new ImageCache(6).acquire(images)!;
  return sequence;
}

function part(sequence: StepPart["sequence"], begin: number, end: number): StepPart {
  return { sequence, begin, end, output: end === sequence.tokens.length };
}

describe("StepBuffer.write()", () => {
  // Two adjacent images of two tiles and one, then text.
  const first = running([7, 2, 9], 1, 7, 3, [blankImage("a", 2), blankImage("b")]);
  const second = running([4], 2, 3, 2);
  const step = [part(first, 0, 6), part(second, 1, 3)];

  test("lays rows out part by part, each at the slot that its sequence's blocks give", () => {
    buffer.write(step, 10);
    const { tokens, positions, slots, sequences, blockTables } = buffer.tensors(10, 1);
    expect(values(tokens)).toEqual([imageToken, imageToken, 0, 1, 2, 3, 1, 2, 0, 0]);
    expect(values(positions)).toEqual([0, 1, 2, 3, 4, 5, 1, 2, none, none]);
    expect(values(slots)).toEqual([28, 29, 30, 31, 8, 9, 17, 18, none, none]);
    expect(values(sequences)).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 0, 0]);
    expect(values(blockTables).slice(0, 3)).toEqual([7, 2, 9]);
    expect(values(blockTables).slice(5, 6)).toEqual([4]);
  });

  test("lets a row see the tiles of its image, and of those directly in front of it", () => {
    buffer.write(step, 10);
    const { rowTiles, tileTable } = buffer.tensors(10, 1);
    const ranges = values(rowTiles);
    const seen = Array.from(
      { length: 10 },
      (_, row) => values(tileTable).slice(ranges[2 * row], ranges[2 * row + 1]),
    );
    const [a, b] = first.cachedImages.map(({ tiles }) => [...tiles]) as [number[], number[]];
    const both = [...a, ...b];
    expect([a.length, b.length]).toEqual([2, 1]);
    expect(seen).toEqual([a, both, both, both, both, both, [], [], [], []]);
  });

  test("keeps the tiles of sequences apart, and lists an image that is shown twice twice", () => {
    const one = running([0], 1, 1, 1, [blankImage("a", 2)]);
    const twice = running([1], 2, 1, 1, [blankImage("b"), blankImage("b")]);
    buffer.write([part(one, 0, 2), part(twice, 0, 3)], 5);
    const { rowTiles, tileTable } = buffer.tensors(5, 2);
    expect(values(rowTiles)).toEqual([0, 2, 0, 2, 6, 7, 6, 8, 6, 8]);
    const [tile] = twice.cachedImages[0]!.tiles;
    expect(values(tileTable).slice(6, 8)).toEqual([tile!, tile!]);
  });

  test("asks for logits of the last rows of complete parts, or of all rows", () => {
    const short = running([4], 2, 3, 2);
    buffer.write([part(first, 2, 7), part(short, 0, 3), part(first, 8, 9)], 9);
    expect(values(buffer.tensors(9, 2).logitRows)).toEqual([7, 8]);
    buffer.write([part(first, 2, 7), part(short, 0, 3)], 8, true);
    expect(values(buffer.tensors(8, 8).logitRows)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test("leaves nothing of the step before in the rows of this one", () => {
    buffer.write(step, 10);
    buffer.write([part(second, 2, 3)], 4);
    const { tokens, positions, slots, rowTiles } = buffer.tensors(4, 1);
    expect([values(tokens), values(positions), values(slots), values(rowTiles)]).toEqual([
      [2, 0, 0, 0],
      [2, none, none, none],
      [18, none, none, none],
      [0, 0, 0, 0, 0, 0, 0, 0],
    ]);
  });

  test("names the slot of a sequence whose last token is on its way", () => {
    const waiting = running([4], 2, 3, 2);
    waiting.slot = 2;
    waiting.pendingTokens = 1;
    buffer.write([part(waiting, 2, 4)], 4);
    expect(values(buffer.tensors(4, 1).tokens)).toEqual([2, 0x80000002, 0, 0]);
    expect(() => buffer.write([part(waiting, 2, 5)], 4)).toThrow(AssertionError);
  });

  test("stops at a token that has no embedding", () => {
    const wrong = running([0], 1, 3, 1);
    wrong.tokens[1] = limits.tokens;
    expect(() => buffer.write([part(wrong, 0, 3)], 3)).toThrow(AssertionError);
  });
});
