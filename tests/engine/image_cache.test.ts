import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AssertionError } from "../../src/base/assert.ts";
import { type CachedImage, ImageCache } from "../../src/engine/image_cache.ts";

function image(hash: string, tileCount = 1): { hash: string; tileCount: number } {
  return { hash, tileCount };
}

/** Takes images as a sequence does that encodes them and ends. */
function use(cache: ImageCache, ...images: { hash: string; tileCount: number }[]): boolean[] {
  const taken = cache.acquire(images)!;
  const known = taken.map(({ encoded }) => encoded);
  for (const one of taken) {
    one.encoded = true;
    cache.release(one);
  }
  return known;
}

describe("ImageCache", () => {
  test("keeps an encoded image that nobody holds, until its slots are needed", () => {
    const cache = new ImageCache(2);
    expect(use(cache, image("a"))).toEqual([false]);
    expect(use(cache, image("b"))).toEqual([false]);
    expect(use(cache, image("a"))).toEqual([true]);
    expect(use(cache, image("c"))).toEqual([false]); // b was used before a
    expect(use(cache, image("a"))).toEqual([true]);
    expect(use(cache, image("b"))).toEqual([false]);
  });

  test("acquire() takes all images or none", () => {
    const cache = new ImageCache(4);
    const [held] = cache.acquire([image("held", 2)])!;
    expect(cache.acquire([image("x", 1), image("y", 2)])).toBeUndefined();
    expect(cache.availableTiles).toBe(2);
    expect(cache.acquire([image("held", 2), image("y", 3)])).toBeUndefined();
    expect(held!.holders).toBe(1);
    expect(cache.acquire([image("held", 2), image("y", 2)])).toHaveLength(2);
    expect([held!.holders, cache.availableTiles]).toEqual([2, 0]);
  });

  test("acquire() places an image once that one request shows twice", () => {
    const cache = new ImageCache(3);
    const taken = cache.acquire([image("a", 2), image("b"), image("a", 2)])!;
    expect(taken[0]).toBe(taken[2]!);
    expect([taken[0]!.holders, taken[1]!.holders, cache.availableTiles]).toEqual([2, 1, 0]);
    for (const one of taken) one.encoded = true;
    cache.release(taken[0]!);
    expect(cache.availableTiles).toBe(0);
    cache.release(taken[2]!);
    expect(cache.availableTiles).toBe(2);
  });

  test("acquire() does not evict an image of the same request to place another", () => {
    const cache = new ImageCache(3);
    use(cache, image("old"));
    use(cache, image("mine"));
    use(cache, image("young"));
    const taken = cache.acquire([image("new", 2), image("mine")])!;
    expect(taken.map(({ encoded }) => encoded)).toEqual([false, true]);
    expect(new Set(taken.flatMap(({ tiles }) => tiles)).size).toBe(3);
  });

  test("counts what it knew, what it had to place, and what had to go for it", () => {
    const cache = new ImageCache(3);
    use(cache, image("a"), image("b"), image("a"));
    expect([cache.hits, cache.misses, cache.evictions]).toEqual([1, 2, 0]);
    use(cache, image("c", 2)); // one slot is free, b goes
    expect([cache.hits, cache.misses, cache.evictions]).toEqual([1, 3, 1]);
    cache.acquire([image("a"), image("c", 2)]);
    expect(cache.acquire([image("d")])).toBeUndefined();
    expect([cache.hits, cache.misses, cache.evictions]).toEqual([3, 3, 1]);
  });

  test("release() forgets an image that was never encoded", () => {
    const cache = new ImageCache(1);
    const [first] = cache.acquire([image("a")])!;
    cache.release(first!);
    const [second] = cache.acquire([image("a")])!;
    expect([second === first, second!.encoded]).toEqual([false, false]);
  });

  test("release() refuses an image that nobody holds", () => {
    const cache = new ImageCache(1);
    const [one] = cache.acquire([image("a")])!;
    one!.encoded = true;
    cache.release(one!);
    expect(() => cache.release(one!)).toThrow(AssertionError);
  });

  test("held images keep their slots, slots are never shared, and no request that fits is turned away", () => {
    const hashes = ["a", "b", "c", "d", "e"];
    const tilesOf = (hash: string) => 1 + hashes.indexOf(hash) % 4;
    const action = fc.oneof(
      fc.record({
        kind: fc.constant("acquire" as const),
        wanted: fc.array(fc.constantFrom(...hashes), { maxLength: 4 }),
      }),
      fc.record({ kind: fc.constant("release" as const), pick: fc.nat(100), encode: fc.boolean() }),
    );
    const property = fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const slotCount = 6;
      const cache = new ImageCache(slotCount);
      const held: { images: CachedImage[]; tiles: number[][] }[] = [];
      for (const step of actions) {
        if (step.kind === "acquire") {
          const heldNow = new Map(held.flatMap(({ images }) => images.map((one) => [one.hash, one])));
          const all = new Set([...heldNow.keys(), ...step.wanted]);
          const fits = [...all].reduce((sum, hash) => sum + tilesOf(hash), 0) <= slotCount;
          const images = cache.acquire(step.wanted.map((hash) => image(hash, tilesOf(hash))));
          expect(images !== undefined).toBe(fits);
          if (!images) continue;
          expect(images.map(({ hash }) => hash)).toEqual(step.wanted);
          held.push({ images, tiles: images.map(({ tiles }) => [...tiles]) });
        } else if (held.length > 0) {
          const [{ images }] = held.splice(step.pick % held.length, 1) as [typeof held[number]];
          if (step.encode) { for (const one of images) one.encoded = true; }
          for (const one of images) cache.release(one);
        }
        const distinct = new Set(held.flatMap(({ images }) => images));
        const slots = [...distinct].flatMap(({ tiles }) => tiles);
        expect(new Set(slots).size).toBe(slots.length);
        expect(slots.every((slot) => slot >= 0 && slot < slotCount)).toBe(true);
        expect(cache.availableTiles).toBe(slotCount - slots.length);
        for (const { images, tiles } of held) expect(images.map((one) => [...one.tiles])).toEqual(tiles);
        for (const one of distinct) {
          expect(one.holders).toBe(held.flatMap(({ images }) => images).filter((i) => i === one).length);
        }
      }
    });
    fc.assert(property, { seed: 3, numRuns: 300 });
  });
});
