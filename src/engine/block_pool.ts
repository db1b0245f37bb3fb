import { assert } from "../base/assert.ts";

/**
 * The blocks of the text key/value cache: free, held by one or more sequences, or cached, which means that nobody
 * holds them but a later sequence may find what they hold. Counts only; the memory is the self cache's.
 * Invariant: free + held + cached blocks = pool.
 */
export class BlockPool {
  readonly #free: number[];
  readonly #holders: Uint32Array;
  readonly #cached = new Set<number>(); // insertion order = order of last use
  #held = 0;

  /**
   * @param blockSize token positions per block
   * @param onReuse called with a block whose contents are about to be lost: it became free, or was evicted
   */
  constructor(
    readonly blockCount: number,
    readonly blockSize: number,
    private readonly onReuse: (block: number) => void = () => {},
  ) {
    this.#free = Array.from({ length: blockCount }, (_, i) => blockCount - 1 - i);
    this.#holders = new Uint32Array(blockCount);
  }

  get freeCount(): number {
    return this.#free.length;
  }

  get heldCount(): number {
    return this.#held;
  }

  get cachedCount(): number {
    return this.#cached.size;
  }

  /** Blocks that `allocate` could give now. */
  get availableCount(): number {
    return this.#free.length + this.#cached.size;
  }

  /** Sequences that hold the block. */
  holders(block: number): number {
    return this.#holders[block]!;
  }

  /** Blocks that `tokens` positions take. */
  blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.blockSize);
  }

  /** Takes a free block, or the cached one that was used least recently; `undefined` when there is neither. */
  allocate(): number | undefined {
    const block = this.#free.pop() ?? this.#evict();
    if (block === undefined) return undefined;
    this.#holders[block] = 1;
    this.#held++;
    this.#check();
    return block;
  }

  /** One more sequence shares the block, which is held or cached. */
  hold(block: number): void {
    if (this.#holders[block] === 0) {
      assert(this.#cached.delete(block), `block ${block} is free`);
      this.#held++;
    }
    this.#holders[block]!++;
    this.#check();
  }

  /** One holder lets go. With the last one the block becomes cached, if it should be kept, or free. */
  release(block: number, keep = false): void {
    assert(this.#holders[block]! > 0, `block ${block} is not held`);
    if (--this.#holders[block]! > 0) return;
    this.#held--;
    if (keep) {
      this.#cached.add(block);
    } else {
      this.onReuse(block);
      this.#free.push(block);
    }
    this.#check();
  }

  #evict(): number | undefined {
    for (const block of this.#cached) {
      this.#cached.delete(block);
      this.onReuse(block);
      return block;
    }
    return undefined;
  }

  #check(): void {
    assert(
      this.#free.length + this.#held + this.#cached.size === this.blockCount,
      "free, held and cached blocks are the pool",
    );
  }
}
