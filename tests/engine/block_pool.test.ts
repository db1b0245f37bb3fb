import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AssertionError } from "../../src/base/assert.ts";
import { BlockPool } from "../../src/engine/block_pool.ts";

describe("BlockPool", () => {
  test("hands out every block once, then says that there is none", () => {
    const pool = new BlockPool(5, 16);
    const blocks = Array.from({ length: 5 }, () => pool.allocate());
    expect(blocks.toSorted()).toEqual([0, 1, 2, 3, 4]);
    expect([pool.allocate(), pool.freeCount]).toEqual([undefined, 0]);
  });

  test("release() frees a block when its last holder lets go", () => {
    const pool = new BlockPool(1, 16);
    const block = pool.allocate()!;
    pool.hold(block);
    pool.release(block);
    expect([pool.freeCount, pool.allocate()]).toEqual([0, undefined]);
    pool.release(block);
    expect([pool.freeCount, pool.allocate()]).toEqual([1, block]);
  });

  test("refuses to hold or release what is free", () => {
    const pool = new BlockPool(2, 16);
    const block = pool.allocate()!;
    pool.release(block);
    expect(() => pool.release(block)).toThrow(AssertionError);
    expect(() => pool.hold(block)).toThrow(AssertionError);
    expect(pool.freeCount).toBe(2);
  });

  test("blocksFor() rounds up to whole blocks", () => {
    const pool = new BlockPool(1, 16);
    expect([0, 1, 15, 16, 17, 32, 33].map((tokens) => pool.blocksFor(tokens))).toEqual([0, 1, 1, 1, 2, 2, 3]);
  });

  test("free and held blocks are the pool, whatever happens", () => {
    const action = fc.record({ kind: fc.constantFrom("allocate", "hold", "release"), pick: fc.nat(1000) });
    const property = fc.property(
      fc.integer({ min: 0, max: 6 }),
      fc.array(action, { maxLength: 80 }),
      (count, actions) => {
        const pool = new BlockPool(count, 16);
        const holders = new Map<number, number>();
        for (const { kind, pick } of actions) {
          const held = [...holders.keys()];
          const block = held[pick % held.length];
          if (kind === "allocate") {
            const fresh = pool.allocate();
            expect(fresh === undefined).toBe(holders.size === count);
            if (fresh === undefined) continue;
            expect(holders.has(fresh) || fresh < 0 || fresh >= count).toBe(false);
            holders.set(fresh, 1);
          } else if (block !== undefined) {
            if (kind === "hold") pool.hold(block);
            else pool.release(block);
            const left = holders.get(block)! + (kind === "hold" ? 1 : -1);
            if (left === 0) holders.delete(block);
            else holders.set(block, left);
          }
          expect(pool.freeCount + holders.size).toBe(count);
        }
      },
    );
    fc.assert(property, { seed: 2, numRuns: 200 });
  });
});
