import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Lru } from "../../src/base/lru.ts";

describe("Lru", () => {
  test("lets go of what was used least recently", () => {
    const gone: string[] = [];
    const lru = new Lru<string>(2, (value) => gone.push(value));
    lru.set("a", "A");
    lru.set("b", "B");
    lru.get("a");
    lru.set("c", "C");
    expect(gone).toEqual(["B"]);
    expect([lru.get("a"), lru.get("b"), lru.get("c")]).toEqual(["A", undefined, "C"]);
  });

  test("evicts as many as the new entry's cost takes", () => {
    const gone: number[] = [];
    const lru = new Lru<number>(10, (value) => gone.push(value));
    for (const value of [1, 2, 3, 4]) lru.set(String(value), value, value);
    lru.set("5", 5, 5);
    expect(gone).toEqual([1, 2, 3]);
  });

  test("lets go of the old value when a key is set again", () => {
    const gone: string[] = [];
    const lru = new Lru<string>(2, (value) => gone.push(value));
    lru.set("a", "old");
    lru.set("a", "new");
    expect([gone, lru.get("a")]).toEqual([["old"], "new"]);
  });

  test("keeps the others when an entry costs more than the capacity", () => {
    const gone: string[] = [];
    const lru = new Lru<string>(3, (value) => gone.push(value));
    lru.set("a", "A", 1);
    lru.set("big", "B", 4);
    expect([gone, lru.get("a"), lru.get("big")]).toEqual([["B"], "A", undefined]);
  });

  test("clear() lets go of everything, and only once", () => {
    const gone: string[] = [];
    const lru = new Lru<string>(3, (value) => gone.push(value));
    lru.set("a", "A");
    lru.set("b", "B");
    lru.clear();
    lru.clear();
    expect([gone, lru.get("a")]).toEqual([["A", "B"], undefined]);
  });

  test("behaves like a list that is searched from end to end", () => {
    const action = fc.record({
      kind: fc.constantFrom("get", "set", "delete"),
      key: fc.constantFrom("a", "b", "c", "d", "e"),
      cost: fc.integer({ min: 0, max: 6 }),
    });
    const property = fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const gone: number[] = [];
      const lru = new Lru<number>(5, (value) => gone.push(value));
      let list: { key: string; value: number; cost: number }[] = []; // most recent last
      const listGone: number[] = [];
      const total = () => list.reduce((sum, { cost }) => sum + cost, 0);
      for (const [value, { kind, key, cost }] of actions.entries()) {
        const old = list.find((entry) => entry.key === key);
        const rest = list.filter((entry) => entry !== old);
        if (kind === "get") {
          expect(lru.get(key)).toBe(old?.value);
          list = old ? [...rest, old] : rest;
          continue;
        }
        list = rest;
        if (old) listGone.push(old.value);
        if (kind === "delete") {
          lru.delete(key);
        } else {
          lru.set(key, value, cost);
          if (cost > 5) listGone.push(value);
          else list.push({ key, value, cost });
          while (total() > 5) listGone.push(list.shift()!.value);
        }
        expect(gone).toEqual(listGone);
      }
    });
    fc.assert(property, { seed: 1, numRuns: 300 });
  });
});
