import { describe, expect, test } from "bun:test";
import { PrefixCache } from "../../src/engine/prefix_cache.ts";
import type { Sequence } from "../../src/engine/sequence.ts";
import { blankImage, blankSequence } from "./sequences.ts";

const blockSize = 4;

/** Gives a sequence all its blocks and lets others find them, as if it had run. Returns how many rows it found. */
function run(cache: PrefixCache, sequence: Sequence): number {
  const found = cache.take(sequence);
  while (sequence.blocks.length < cache.pool.blocksFor(sequence.tokens.length)) {
    sequence.blocks.push(cache.pool.allocate()!);
  }
  cache.publish(sequence, sequence.tokens.length);
  return found;
}

function use(cache: PrefixCache, sequence: Sequence): number {
  const found = run(cache, sequence);
  cache.release(sequence);
  return found;
}

describe("PrefixCache", () => {
  test("finds the full blocks of what was computed, and leaves one row to compute", () => {
    const cache = new PrefixCache(20, blockSize, true);
    const found = [3, 4, 5, 8, 9, 9].map((length) => use(cache, blankSequence(1, length, 1)));
    expect(found).toEqual([0, 0, 4, 4, 8, 8]);
    expect([0, 1, 4, 5, 8, 9].map((length) => cache.shareable(length))).toEqual([-1, 0, 0, 1, 1, 2]);
  });

  test("finds nothing behind a token that differs, however alike the rest is", () => {
    const cache = new PrefixCache(20, blockSize, true);
    use(cache, blankSequence(1, 17, 1));
    for (const [changed, found] of [[0, 0], [3, 0], [4, 4], [11, 8], [16, 16]] as const) {
      const other = blankSequence(2, 17, 1);
      other.tokens[changed] = 500;
      expect([changed, use(cache, other)]).toEqual([changed, found]);
    }
  });

  test("tells pictures apart where they are shown, and shares what stands in front of them", () => {
    const cache = new PrefixCache(40, blockSize, true);
    const about = (...hashes: string[]) => blankSequence(1, 9, 1, hashes.map((hash) => blankImage(hash)));
    expect(use(cache, about("a", "b"))).toBe(0);
    expect(use(cache, about("a", "b"))).toBe(8);
    expect(use(cache, about("b", "a"))).toBe(0);
    expect(use(cache, about("a", "c"))).toBe(0);
    expect(use(cache, about("a"))).toBe(0);
  });

  test("keeps texts with different roots apart, and those without a root to themselves", () => {
    const cache = new PrefixCache(20, blockSize, true);
    const rooted = (prefixRoot: string | undefined) => blankSequence(1, 9, 1, [], {}, { prefixRoot });
    expect(use(cache, rooted("one"))).toBe(0);
    expect(use(cache, rooted("other"))).toBe(0);
    expect(use(cache, rooted("one"))).toBe(8);
    expect(use(cache, rooted(undefined))).toBe(0);
    expect(use(cache, rooted(undefined))).toBe(0);
  });

  test("shares a block while its holder runs; two that computed the same keep their own", () => {
    const cache = new PrefixCache(20, blockSize, true);
    const [one, other, third] = [1, 2, 3].map((id) => blankSequence(id, 9, 1)) as [
      Sequence,
      Sequence,
      Sequence,
    ];
    for (const sequence of [one, other]) {
      expect(cache.take(sequence)).toBe(0);
      for (let i = 0; i < 3; i++) sequence.blocks.push(cache.pool.allocate()!);
    }
    for (const sequence of [one, other]) cache.publish(sequence, 9);
    expect(one.blocks.some((block) => other.blocks.includes(block))).toBe(false);
    run(cache, third);
    expect(third.blocks.slice(0, 2)).toEqual(one.blocks.slice(0, 2));
    expect(cache.pool.holders(one.blocks[0]!)).toBe(2);
    for (const sequence of [one, other, third]) cache.release(sequence);
    expect([cache.pool.heldCount, cache.pool.cachedCount]).toEqual([0, 2]);
  });

  test("lets go of the end of a text first, and of what was used least recently", () => {
    const cache = new PrefixCache(6, blockSize, true);
    const [first, second] = [blankSequence(1, 9, 1), blankSequence(2, 9, 1)];
    second.tokens.fill(7);
    use(cache, first); // two full blocks stay
    use(cache, second); // and two more
    use(cache, blankSequence(1, 5, 1)); // the first block of the first text, again
    for (let i = 0; i < 3; i++) cache.pool.allocate(); // two were free
    expect(cache.take(blankSequence(1, 9, 1))).toBe(4); // its second block had to go
    const again = blankSequence(3, 9, 1);
    again.tokens.fill(7);
    expect(cache.take(again)).toBe(8);
  });

  test("forgets what nobody holds when it is not to keep it", () => {
    const cache = new PrefixCache(8, blockSize, false);
    const [one, other] = [blankSequence(1, 9, 1), blankSequence(2, 9, 1)];
    run(cache, one);
    expect(run(cache, other)).toBe(8);
    cache.release(one);
    expect(use(cache, blankSequence(3, 9, 1))).toBe(8); // the second one holds them still
    cache.release(other);
    expect([use(cache, blankSequence(4, 9, 1)), cache.pool.freeCount]).toEqual([0, 8]);
  });
});
