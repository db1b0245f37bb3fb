import { assert } from "../base/assert.ts";
import { BlockPool } from "./block_pool.ts";
import type { Sequence } from "./sequence.ts";

/**
 * Finds blocks of keys and values that earlier sequences have computed. A block's hash covers its tokens, the images
 * that are shown in it, and through the hash of the block before it everything in front of it: a row's keys and
 * values depend on nothing else, because text sees earlier text and the images at or before it only. So text in
 * front of an image is shared by conversations with different images, and what stands behind it is not.
 * Full blocks only; a block is found as long as nobody has taken its memory for something else.
 */
export class PrefixCache {
  readonly pool: BlockPool;
  readonly #blocks = new Map<string, number>();
  readonly #hashes: (string | undefined)[];
  readonly #words: Uint32Array;

  /** @param keep whether blocks that nobody holds stay until their memory is needed */
  constructor(blockCount: number, blockSize: number, readonly keep: boolean) {
    this.pool = new BlockPool(blockCount, blockSize, (block) => this.#forget(block));
    this.#hashes = new Array<string | undefined>(blockCount).fill(undefined);
    this.#words = new Uint32Array(blockSize);
  }

  /** Blocks of a text of `length` tokens that can come from others. One token at least is computed: its logits are needed. */
  shareable(length: number): number {
    return Math.floor((length - 1) / this.pool.blockSize);
  }

  /**
   * Gives a sequence that has no blocks those that hold the beginning of its tokens.
   *
   * @returns tokens that need not be computed
   */
  take(sequence: Sequence): number {
    if (sequence.prefixRoot === undefined) return 0;
    const most = this.shareable(sequence.tokens.length);
    this.#hash(sequence, most);
    for (let i = 0; i < most; i++) {
      const block = this.#blocks.get(sequence.blockHashes[i]!);
      if (block === undefined) break;
      this.pool.hold(block);
      sequence.blocks.push(block);
    }
    sequence.sharedBlocks = sequence.blocks.length;
    return sequence.blocks.length * this.pool.blockSize;
  }

  /** Lets later sequences find the full blocks of the first `computed` tokens. The steps that fill them are done. */
  publish(sequence: Sequence, computed: number): void {
    if (sequence.prefixRoot === undefined) return;
    const full = Math.floor(computed / this.pool.blockSize);
    if (full <= sequence.sharedBlocks) return;
    this.#hash(sequence, full);
    for (let i = sequence.sharedBlocks; i < full; i++) {
      const [hash, block] = [sequence.blockHashes[i]!, sequence.blocks[i]!];
      // Two sequences may have computed the same at the same time: the first one's is found, the other's is its own.
      if (this.#blocks.has(hash)) continue;
      this.#blocks.set(hash, block);
      this.#hashes[block] = hash;
    }
    sequence.sharedBlocks = full;
  }

  /** Takes all blocks from a sequence. The last ones are the first to lose their memory: the others are of no use without the first. */
  release(sequence: Sequence): void {
    while (sequence.blocks.length > 0) {
      const block = sequence.blocks.pop()!;
      this.pool.release(block, this.keep && this.#hashes[block] !== undefined);
    }
    sequence.sharedBlocks = 0;
  }

  #forget(block: number): void {
    const hash = this.#hashes[block];
    if (hash === undefined) return;
    this.#blocks.delete(hash);
    this.#hashes[block] = undefined;
  }

  /** Hashes the sequence's first `count` blocks, as far as that is not done. */
  #hash(sequence: Sequence, count: number): void {
    const { blockHashes, tokens, visibility, images } = sequence;
    const { blockSize } = this.pool;
    assert(count * blockSize <= tokens.length, "only known tokens have a hash");
    while (blockHashes.length < count) {
      const begin = blockHashes.length * blockSize;
      for (let i = 0; i < blockSize; i++) this.#words[i] = tokens[begin + i]!;
      const hasher = new Bun.CryptoHasher("sha256");
      hasher.update(blockHashes.at(-1) ?? `${sequence.prefixRoot}\n`).update(this.#words);
      for (let i = 0; i < visibility.length; i++) {
        const { row } = visibility[i]!; // the i-th image's token stands there
        if (row >= begin && row < begin + blockSize) hasher.update(`${row} ${images[i]!.hash}\n`);
      }
      blockHashes.push(hasher.digest("base64"));
    }
  }
}
