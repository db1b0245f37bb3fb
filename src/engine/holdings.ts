import { assert } from "../base/assert.ts";
import type { BlockPool } from "./block_pool.ts";
import type { ImageCache } from "./image_cache.ts";
import type { PrefixCache } from "./prefix_cache.ts";
import { tilesOf } from "./room.ts";
import type { Sequence } from "./sequence.ts";

/** What a sequence holds while it runs: a slot, blocks for its tokens, and its images. Given and taken back here only. */
export class Holdings {
  readonly #slots: number[];
  #admissions = 0;

  constructor(
    readonly prefixes: PrefixCache,
    readonly images: ImageCache,
    maxSequences: number,
  ) {
    this.#slots = Array.from({ length: maxSequences }, (_, i) => maxSequences - 1 - i);
  }

  get blocks(): BlockPool {
    return this.prefixes.pool;
  }

  get hasSlot(): boolean {
    return this.#slots.length > 0;
  }

  /**
   * Gives a sequence all that it needs to run, and what the caches have of it, or nothing if something lacks.
   *
   * @param spare Blocks that have to be left
   */
  give(sequence: Sequence, spare: number): boolean {
    if (!this.hasSlot) return false;
    const found = this.prefixes.take(sequence);
    const missing = this.blocks.blocksFor(sequence.tokens.length) - sequence.blocks.length;
    const images = sequence.images.map((image) => ({ hash: image.hash, tileCount: tilesOf(image) }));
    const cached = missing + spare <= this.blocks.availableCount ? this.images.acquire(images) : undefined;
    if (!cached) {
      this.prefixes.release(sequence);
      return false;
    }
    for (let i = 0; i < missing; i++) this.grow(sequence);
    sequence.cachedImages = cached;
    sequence.computed = found;
    sequence.slot = this.#slots.pop()!;
    if (sequence.order < 0) this.#tellFirst(sequence, found);
    return true;
  }

  /** Gives a sequence one more block, of those that are there. */
  grow(sequence: Sequence): void {
    const block = this.blocks.allocate();
    assert(block !== undefined, "the blocks were counted before");
    sequence.blocks.push(block);
  }

  takeBack(sequence: Sequence): void {
    assert(sequence.inFlight === 0, "a sequence keeps what it holds while a step uses it");
    this.prefixes.release(sequence);
    for (const image of sequence.cachedImages) this.images.release(image);
    sequence.cachedImages = [];
    this.#slots.push(sequence.slot);
    sequence.slot = -1;
  }

  /** What a request hears of: the first time that a sequence runs. */
  #tellFirst(sequence: Sequence, found: number): void {
    sequence.order = this.#admissions++;
    sequence.cachedTokens = found;
    sequence.imageHits = sequence.cachedImages.filter((image) => image.encoded).length;
    sequence.timings.startedAt = performance.now();
  }
}
