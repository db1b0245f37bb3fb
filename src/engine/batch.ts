import { assert } from "../base/assert.ts";
import type { Arena } from "../gpu/memory.ts";
import { sliceRows } from "../gpu/tensor.ts";
import { allocate, type Allocated, type ShapeTable, u32 } from "../model/shapes.ts";
import type { TextBatch } from "../model/text.ts";
import { pendingToken } from "../ops/embedding.ts";
import { visibleAt } from "../model/image_visibility.ts";
import type { Sequence } from "./sequence.ts";

/** Rows `begin … end − 1` of a sequence; with `output`, the next token is taken from the last of them. */
export interface StepPart {
  readonly sequence: Sequence;
  readonly begin: number;
  readonly end: number;
  readonly output: boolean;
  /** The tokens that may be taken: a bit set over the vocabulary, lowest bit first. Left out, all. */
  readonly mask?: Uint32Array;
}

/** What one pass through the decoder computes. */
export type Step = readonly StepPart[];

export function rowCount(step: Step): number {
  let count = 0;
  for (const { begin, end } of step) count += end - begin;
  return count;
}

export function hasImages(step: Step): boolean {
  for (const { sequence } of step) if (sequence.cachedImages.length > 0) return true;
  return false;
}

export interface BatchLimits {
  /** Rows of the embedding. */
  readonly tokens: number;
  readonly rows: number;
  readonly sequences: number;
  readonly blocksPerSequence: number;
  readonly tilesPerSequence: number;
  readonly outputs: number;
}

/** Marks rows that only fill a bucket: no position, no cache slot. */
const padding = 0xffffffff;

export function batchShapes(limits: BatchLimits) {
  return {
    tokens: u32(limits.rows),
    positions: u32(limits.rows),
    slots: u32(limits.rows),
    sequences: u32(limits.rows),
    blockTables: u32(limits.sequences, limits.blocksPerSequence),
    rowTiles: u32(limits.rows, 2),
    tileTable: u32(limits.sequences * limits.tilesPerSequence),
    logitRows: u32(limits.outputs),
  } satisfies ShapeTable;
}

type Field = keyof ReturnType<typeof batchShapes>;

/**
 * The step buffer: everything that changes from step to step, in memory that host and device share, so that one
 * recording serves every step of its bucket.
 */
export class StepBuffer {
  readonly #tensors: Allocated<ReturnType<typeof batchShapes>>;
  readonly #views: Record<Field, Uint32Array>;
  readonly #firstTiles: number[] = [];

  constructor(arena: Arena, readonly limits: BatchLimits, readonly blockSize: number) {
    this.#tensors = allocate(arena, batchShapes(limits));
    const view = (field: Field) => {
      const bytes = arena.view(this.#tensors[field]);
      return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    };
    this.#views = Object.fromEntries(
      Object.keys(this.#tensors).map((name) => [name, view(name as Field)]),
    ) as Record<
      Field,
      Uint32Array
    >;
  }

  /** The tensors of a bucket, for recording. */
  tensors(rows: number, outputs: number): Omit<TextBatch, "sampled"> {
    const { tokens, positions, slots, sequences, rowTiles, logitRows, blockTables, tileTable } =
      this.#tensors;
    return {
      tokens: sliceRows(tokens, 0, rows),
      positions: sliceRows(positions, 0, rows),
      slots: sliceRows(slots, 0, rows),
      sequences: sliceRows(sequences, 0, rows),
      rowTiles: sliceRows(rowTiles, 0, rows),
      logitRows: sliceRows(logitRows, 0, outputs),
      blockTables,
      tileTable,
    };
  }

  /** Writes a step; rows beyond its own, up to the bucket's, become padding. With `allOutputs` every row gives logits. */
  write(step: Step, bucketRows: number, allOutputs = false): void {
    const { tokens, positions, slots, sequences, blockTables, rowTiles, logitRows } = this.#views;
    const firstTiles = this.#firstTiles;
    let row = 0;
    let output = 0;
    for (let index = 0; index < step.length; index++) {
      const { sequence, begin, end, output: wanted } = step[index]!;
      assert(sequence.blocks.length <= this.limits.blocksPerSequence);
      blockTables.set(sequence.blocks, index * this.limits.blocksPerSequence);
      this.#writeTiles(index * this.limits.tilesPerSequence, sequence);
      for (let position = begin; position < end; position++, row++) {
        const visible = visibleAt(sequence.visibility, position);
        tokens[row] = this.#tokenAt(sequence, position);
        positions[row] = position;
        slots[row] = sequence.blocks[Math.floor(position / this.blockSize)]! * this.blockSize +
          position % this.blockSize;
        sequences[row] = index;
        rowTiles[2 * row] = visible ? firstTiles[visible.first]! : 0;
        rowTiles[2 * row + 1] = visible ? firstTiles[visible.end]! : 0;
        if (allOutputs) logitRows[output++] = row;
      }
      if (wanted && !allOutputs) logitRows[output++] = row - 1;
    }
    for (; row < bucketRows; row++) {
      tokens[row] = 0;
      positions[row] = padding;
      slots[row] = padding;
      sequences[row] = 0;
      rowTiles[2 * row] = rowTiles[2 * row + 1] = 0;
    }
  }

  /** Writes the tile slots of a sequence's images; leaves in `#firstTiles` where each image's begin, and the end. */
  #writeTiles(start: number, sequence: Sequence): void {
    this.#firstTiles.length = 0;
    let next = start;
    for (const image of sequence.cachedImages) {
      this.#firstTiles.push(next);
      this.#views.tileTable.set(image.tiles, next);
      next += image.tiles.length;
    }
    this.#firstTiles.push(next);
  }

  /** The id, or where the device finds it: a step in flight may be choosing the sequence's last token. */
  #tokenAt({ tokens, pendingTokens, slot }: Sequence, position: number): number {
    const token = tokens[position];
    if (token === undefined) {
      assert(position === tokens.length && pendingTokens === 1, "only a sequence's last token is on its way");
      return pendingToken + slot;
    }
    // The message is made only when it is needed: this runs for every row.
    if (token >= this.limits.tokens) assert(false, `token ${token} has no embedding`);
    return token;
  }
}
