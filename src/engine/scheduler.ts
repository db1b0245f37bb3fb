import { assert } from "../base/assert.ts";
import type { Step, StepPart } from "./batch.ts";
import type { BlockPool } from "./block_pool.ts";
import type { ImageCache } from "./image_cache.ts";
import type { Sequence } from "./sequence.ts";

/**
 * Decides which sequences run and what each step computes. A sequence is admitted, first come first served, when
 * its images and all the blocks it may ever need are there, so nothing that runs has to be pushed out again.
 */
export class Scheduler {
  readonly #waiting: Sequence[] = [];
  readonly #running: Sequence[] = [];

  constructor(
    readonly blocks: BlockPool,
    readonly images: ImageCache,
    readonly limits: { readonly maxSequences: number; readonly chunkSize: number },
  ) {}

  get waitingCount(): number {
    return this.#waiting.length;
  }

  get running(): readonly Sequence[] {
    return this.#running;
  }

  /** Every sequence, running or waiting. */
  ids(): number[] {
    return [...this.#running, ...this.#waiting].map((sequence) => sequence.id);
  }

  add(sequence: Sequence): void {
    this.#waiting.push(sequence);
  }

  /** Takes a sequence out, running or waiting, and frees what it holds. Returns it, or `undefined` if there is none. */
  remove(id: number): Sequence | undefined {
    for (const list of [this.#waiting, this.#running]) {
      const index = list.findIndex((sequence) => sequence.id === id);
      if (index < 0) continue;
      const [sequence] = list.splice(index, 1);
      for (const block of sequence!.blocks.splice(0)) this.blocks.release(block);
      for (const image of sequence!.cachedImages) this.images.release(image);
      sequence!.cachedImages = [];
      return sequence;
    }
    return undefined;
  }

  /**
   * The next step: one row for every sequence that decodes, then prefill rows of the others up to the chunk size.
   * Empty when there is nothing to do.
   */
  schedule(): Step {
    this.#admit();
    const parts: StepPart[] = [];
    let budget = this.limits.chunkSize;
    const decoding = this.#running.filter((sequence) => !sequence.prefilling);
    const prefilling = this.#running.filter((sequence) => sequence.prefilling);
    for (const sequence of [...decoding, ...prefilling]) {
      if (budget === 0) break;
      const begin = sequence.computed;
      const end = Math.min(sequence.tokens.length, begin + budget);
      budget -= end - begin;
      this.#reserve(sequence, end);
      parts.push({ sequence, begin, end, output: end === sequence.tokens.length });
    }
    return parts;
  }

  #admit(): void {
    while (this.#running.length < this.limits.maxSequences) {
      const next = this.#waiting[0];
      if (!next || this.blocks.blocksFor(next.maxLength) > this.#unpromisedBlocks()) return;
      const cached = this.images.acquire(
        next.images.map(({ hash, rows, columns }) => ({ hash, tileCount: rows * columns })),
      );
      if (!cached) return;
      next.cachedImages = cached;
      next.imageHits = cached.filter((image) => image.encoded).length;
      next.timings.startedAt = performance.now();
      this.#running.push(this.#waiting.shift()!);
    }
  }

  /** Free blocks less those that running sequences may still come to need. */
  #unpromisedBlocks(): number {
    const promised = this.#running.reduce(
      (sum, sequence) => sum + this.blocks.blocksFor(sequence.maxLength) - sequence.blocks.length,
      0,
    );
    return this.blocks.freeCount - promised;
  }

  #reserve(sequence: Sequence, tokens: number): void {
    while (sequence.blocks.length < this.blocks.blocksFor(tokens)) {
      const block = this.blocks.allocate();
      assert(block !== undefined, "admission promised the block");
      sequence.blocks.push(block);
    }
  }
}
