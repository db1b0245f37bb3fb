import { expect } from "bun:test";
import type { EngineCore } from "../../src/engine/engine_core.ts";

/**
 * What holds after every step: free, held and cached blocks are the pool; each block's and each image's count of
 * holders is the number of sequences that hold it; no image has tiles beyond the budget.
 */
export function expectInvariants({ scheduler }: Pick<EngineCore, "scheduler">): void {
  const { blocks, images } = scheduler;
  const holders = new Uint32Array(blocks.blockCount);
  const imageHolders = new Map<object, number>();
  const tiles = new Set<number>();
  const slots = new Set<number>();
  for (const list of [scheduler.running, scheduler.draining]) {
    for (const sequence of list) {
      slots.add(sequence.slot);
      for (const block of sequence.blocks) holders[block]!++;
      for (const image of sequence.cachedImages) {
        imageHolders.set(image, (imageHolders.get(image) ?? 0) + 1);
      }
    }
  }
  let held = 0;
  for (let block = 0; block < blocks.blockCount; block++) {
    if (holders[block]! > 0) held++;
    if (blocks.holders(block) !== holders[block]) {
      throw new Error(`block ${block}: ${holders[block]} sequences, ${blocks.holders(block)} counted`);
    }
  }
  let heldTiles = 0;
  for (const [image, count] of imageHolders) {
    const { holders, tiles: own } = image as { holders: number; tiles: readonly number[] };
    if (holders !== count) throw new Error(`an image has ${count} holders, ${holders} are counted`);
    for (const tile of own) tiles.add(tile);
    heldTiles += own.length;
  }
  const sequences = scheduler.running.length + scheduler.draining.length;
  const wrong = [
    held !== blocks.heldCount && `${held} blocks are held, ${blocks.heldCount} are counted`,
    blocks.freeCount + blocks.heldCount + blocks.cachedCount !== blocks.blockCount && "blocks are missing",
    tiles.size !== heldTiles && "two images share a tile",
    images.availableTiles !== images.tileSlots - heldTiles && "tiles are missing",
    (slots.size !== sequences || slots.has(-1)) && "two sequences share a slot",
  ].filter(Boolean);
  if (wrong.length > 0) throw new Error(wrong.join("; "));
}

/** Nothing runs, waits or is held; what is left is in the caches. */
export function expectNothingHeld({ scheduler, idle }: Pick<EngineCore, "scheduler" | "idle">): void {
  const { blocks, images, running, draining, waiting } = scheduler;
  expect({
    idle,
    held: blocks.heldCount,
    available: blocks.availableCount,
    tiles: images.availableTiles,
    sequences: running.length + draining.length + waiting.count,
    tokens: waiting.tokens,
  }).toEqual({
    idle: true,
    held: 0,
    available: blocks.blockCount,
    tiles: images.tileSlots,
    sequences: 0,
    tokens: 0,
  });
}
