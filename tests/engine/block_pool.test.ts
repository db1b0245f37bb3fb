import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AssertionError } from "../../src/base/assert.ts";
import { BlockPool } from "../../src/engine/block_pool.ts";

describe("BlockPool", () => {
  test("hands out every block once, then says that there is none", () => {
    const pool = new BlockPool(5, 16);
    const blocks = Array.from({ length: 5 }, () => pool.allocate());
    expect(blocks.toSorted()).toEqual([0, 1, 2, 3, 4]);
    expect([pool.allocate(), pool.freeCount, pool.heldCount]).toEqual([undefined, 0, 5]);
  });

  test("release() frees a block when its last holder lets go", () => {
    const pool = new BlockPool(1, 16);
    const block = pool.allocate()!;
    pool.hold(block);
    pool.release(block);
    expect([pool.freeCount, pool.holders(block), pool.allocate()]).toEqual([0, 1, undefined]);
    pool.release(block);
    expect([pool.freeCount, pool.allocate()]).toEqual([1, block]);
  });

  test("keeps what it is told to keep until nothing else is left, least recently used first out", () => {
    const reused: number[] = [];
    const pool = new BlockPool(3, 16, (block) => reused.push(block));
    const [a, b, c] = [pool.allocate()!, pool.allocate()!, pool.allocate()!];
    pool.release(a, true);
    pool.release(b, true);
    pool.hold(a); // used again, so b goes first
    pool.release(a, true);
    expect([pool.freeCount, pool.cachedCount, pool.availableCount]).toEqual([0, 2, 2]);
    expect([pool.allocate(), reused]).toEqual([b, [b]]);
    pool.release(c);
    expect([pool.allocate(), pool.allocate(), pool.allocate()]).toEqual([c, a, undefined]);
    expect(reused).toEqual([b, c, a]);
  });

  test("refuses to hold or release what is free, and to release what is cached", () => {
    const pool = new BlockPool(2, 16);
    const block = pool.allocate()!;
    pool.release(block);
    expect(() => pool.release(block)).toThrow(AssertionError);
    expect(() => pool.hold(block)).toThrow(AssertionError);
    expect(pool.freeCount).toBe(2);
    const kept = pool.allocate()!;
    pool.release(kept, true);
    expect(() => pool.release(kept)).toThrow(AssertionError);
  });

  test("blocksFor() rounds up to whole blocks", () => {
    const pool = new BlockPool(1, 16);
    expect([0, 1, 15, 16, 17, 32, 33].map((tokens) => pool.blocksFor(tokens))).toEqual([0, 1, 1, 1, 2, 2, 3]);
  });

  test("free, held and cached blocks are the pool, whatever happens", () => {
    const action = fc.record({
      kind: fc.constantFrom("allocate", "hold", "release", "keep"),
      pick: fc.nat(1000),
    });
    const property = fc.property(
      fc.integer({ min: 0, max: 6 }),
      fc.array(action, { maxLength: 80 }),
      (count, actions) => {
        const cached: number[] = []; // least recently used first
        const holders = new Map<number, number>();
        const pool = new BlockPool(count, 16, (block) => {
          if (!holders.has(block)) expect(cached.shift()).toBe(block);
        });
        for (const { kind, pick } of actions) {
          const known = [...holders.keys(), ...kind === "hold" ? cached : []];
          const block = known[pick % known.length];
          if (kind === "allocate") {
            const fresh = pool.allocate();
            expect(fresh === undefined).toBe(holders.size === count);
            if (fresh === undefined) continue;
            expect(holders.has(fresh) || cached.includes(fresh) || fresh < 0 || fresh >= count).toBe(false);
            holders.set(fresh, 1);
          } else if (block !== undefined) {
            if (kind === "hold") pool.hold(block);
            else pool.release(block, kind === "keep");
            if (cached.includes(block)) cached.splice(cached.indexOf(block), 1);
            const left = (holders.get(block) ?? 0) + (kind === "hold" ? 1 : -1);
            if (left > 0) holders.set(block, left);
            else holders.delete(block);
            if (left === 0 && kind === "keep") cached.push(block);
          }
          expect([pool.heldCount, pool.cachedCount]).toEqual([holders.size, cached.length]);
          expect(pool.freeCount + pool.heldCount + pool.cachedCount).toBe(count);
          for (const [held, expected] of holders) expect(pool.holders(held)).toBe(expected);
        }
      },
    );
    fc.assert(property, { seed: 2, numRuns: 200 });
  });
});
