import type { BlockPool } from "./block_pool.ts";
import type { EngineImage } from "./protocol.ts";
import type { Sequence } from "./sequence.ts";

/** What all sequences together may take. */
export interface Room {
  readonly sequences: number;
  readonly blocks: Pick<BlockPool, "blockCount" | "blocksFor">;
  readonly tiles: number;
}

/** Whether a sequence can be admitted beside these, even if it finds nothing in the prefix cache. */
export function fitsBeside(next: Sequence, others: readonly Sequence[], room: Room): boolean {
  const held = new Set(others.flatMap(({ blocks }) => blocks)).size;
  const images = new Map(others.flatMap(({ images }) => images).map((image) => [image.hash, tilesOf(image)]));
  for (const image of next.images) images.set(image.hash, tilesOf(image));
  const tiles = [...images.values()].reduce((sum, count) => sum + count, 0);
  // A block for the next token of each, as when it is admitted.
  const blocks = held + room.blocks.blocksFor(next.tokens.length) + others.length;
  return others.length < room.sequences && tiles <= room.tiles && blocks <= room.blocks.blockCount;
}

export function tilesOf({ rows, columns }: EngineImage): number {
  return rows * columns;
}
