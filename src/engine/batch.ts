import { assert } from "../base/assert.ts";
import type { Arena } from "../gpu/memory.ts";
import { sliceRows } from "../gpu/tensor.ts";
import { allocate, type Allocated, type ShapeTable, u32 } from "../model/shapes.ts";
import type { TextBatch } from "../model/text.ts";
import { visibleAt } from "../model/image_visibility.ts";
import type { Sequence } from "./sequence.ts";

/** Rows `begin … end − 1` of a sequence; with `output`, the next token is taken from the last of them. */
export interface StepPart {
  readonly sequence: Sequence;
  readonly begin: number;
  readonly end: number;
  readonly output: boolean;
}

/** What one pass through the decoder computes. */
export type Step = readonly StepPart[];

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
  tensors(rows: number, outputs: number): TextBatch {
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
    const { tokens, positions, slots, sequences, blockTables, rowTiles, tileTable, logitRows } = this.#views;
    let row = 0;
    let output = 0;
    for (const [index, { sequence, begin, end, output: wanted }] of step.entries()) {
      assert(sequence.blocks.length <= this.limits.blocksPerSequence);
      blockTables.set(sequence.blocks, index * this.limits.blocksPerSequence);
      const tileStart = index * this.limits.tilesPerSequence;
      const firstTile = writeTiles(tileTable, tileStart, sequence);
      for (let position = begin; position < end; position++, row++) {
        const visible = visibleAt(sequence.visibility, position);
        const token = sequence.tokens[position]!;
        assert(token < this.limits.tokens, `token ${token} has no embedding`);
        tokens[row] = token;
        positions[row] = position;
        slots[row] = sequence.blocks[Math.floor(position / this.blockSize)]! * this.blockSize +
          position % this.blockSize;
        sequences[row] = index;
        rowTiles[2 * row] = visible ? firstTile[visible.first]! : 0;
        rowTiles[2 * row + 1] = visible ? firstTile[visible.end]! : 0;
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
}

/** Writes the tile slots of a sequence's images; returns where each image's begin in the table, and the end. */
function writeTiles(tileTable: Uint32Array, start: number, sequence: Sequence): number[] {
  const firstTile: number[] = [];
  let next = start;
  for (const image of sequence.cachedImages) {
    firstTile.push(next);
    tileTable.set(image.tiles, next);
    next += image.tiles.length;
  }
  firstTile.push(next);
  return firstTile;
}
