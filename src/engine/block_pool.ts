import { assert } from "../base/assert.ts";

/**
 * The blocks of the text key/value cache: free, or held by one or more sequences. Counts only; the memory is
 * the self cache's. Invariant: free + held blocks = pool.
 */
export class BlockPool {
  readonly #free: number[];
  readonly #holders: Uint32Array;

  /** @param blockSize token positions per block */
  constructor(readonly blockCount: number, readonly blockSize: number) {
    this.#free = Array.from({ length: blockCount }, (_, i) => blockCount - 1 - i);
    this.#holders = new Uint32Array(blockCount);
  }

  get freeCount(): number {
    return this.#free.length;
  }

  /** Blocks that `tokens` positions take. */
  blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.blockSize);
  }

  /** Takes a free block, or returns `undefined` when there is none. */
  allocate(): number | undefined {
    const block = this.#free.pop();
    if (block !== undefined) this.#holders[block] = 1;
    return block;
  }

  /** One more sequence shares the block. */
  hold(block: number): void {
    assert(this.#holders[block]! > 0, `block ${block} is free`);
    this.#holders[block]!++;
  }

  /** One holder lets go; the last one frees the block. */
  release(block: number): void {
    assert(this.#holders[block]! > 0, `block ${block} is free`);
    if (--this.#holders[block]! === 0) this.#free.push(block);
  }
}
