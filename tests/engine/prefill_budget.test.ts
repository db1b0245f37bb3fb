import { describe, expect, test } from "bun:test";
import { PrefillBudget } from "../../src/engine/prefill_budget.ts";
import { bucketRows } from "../../src/engine/row_buckets.ts";

/** A device on which a step takes so long; lets the budget run on it and gives the longest step of the end. */
function settle(
  budget: PrefillBudget,
  msOf: (decode: number, prefill: number) => number,
  decode: number,
): number {
  for (let i = 0; i < 20; i++) budget.observe(decode, 0, msOf(decode, 0));
  let longest = 0;
  for (let i = 0; i < 100; i++) {
    const prefill = budget.rows(decode);
    const ms = msOf(decode, prefill);
    budget.observe(decode, prefill, ms);
    if (i >= 50) longest = Math.max(longest, ms);
  }
  return longest;
}

describe("PrefillBudget", () => {
  test("gives prefill the whole step while nobody waits for a token", () => {
    expect(new PrefillBudget(256).rows(0)).toBe(256);
  });

  test("is careful before it knows, and never gives less than a few rows as long as there is room", () => {
    const budget = new PrefillBudget(64);
    expect([budget.rows(1), budget.rows(60), budget.rows(64)]).toEqual([7, 4, 0]);
    for (let i = 0; i < 50; i++) {
      budget.observe(4, 0, 1);
      budget.observe(4, budget.rows(4), 1000);
    }
    // Four rows more, and what fills their bucket.
    expect([1, 3, 4, 5, 8, 62].map((decode) => budget.rows(decode))).toEqual([7, 5, 4, 11, 8, 2]);
  });

  const devices = {
    "that is bound by its arithmetic": (decode: number, prefill: number) => 1 + 5 * decode + 4 * prefill,
    "that is bound by its memory": (decode: number, prefill: number) => 20 + 0.01 * (decode + prefill),
    "whose rows fill up to a multiple": (decode: number, prefill: number) =>
      2 + Math.ceil((decode + prefill) / 8) * 3,
  };
  for (const [name, msOf] of Object.entries(devices)) {
    test(`keeps steps under twice the time without prefill on a device ${name}`, () => {
      for (const decode of [1, 3, 8, 32]) {
        const longest = settle(new PrefillBudget(256), msOf, decode);
        const least = msOf(decode, bucketRows(decode + 4) - decode); // no step with prefill is shorter
        expect(longest).toBeLessThanOrEqual(Math.max(2 * msOf(decode, 0), least));
      }
    });
  }

  test("comes back from a slow time to many rows, though the first ones are dear", () => {
    const budget = new PrefillBudget(256);
    const msOf = (_: number, prefill: number) => 10 + (prefill > 0 ? 3 + 0.02 * prefill : 0);
    settle(budget, (decode, prefill) => msOf(decode, prefill) + 50 * prefill, 1);
    expect(budget.rows(1)).toBe(7);
    settle(budget, msOf, 1);
    expect(budget.rows(1)).toBeGreaterThan(100);
  });

  test("counts streams that sit a step out: theirs is the next one", () => {
    const budget = new PrefillBudget(256);
    expect([budget.rows(0, 0), budget.rows(0, 1)]).toEqual([256, 32]);
    settle(budget, devices["that is bound by its arithmetic"], 1);
    expect(budget.rows(0, 1)).toBeLessThan(10);
  });

  test("uses what a device has to spare", () => {
    const budget = new PrefillBudget(256);
    settle(budget, devices["that is bound by its memory"], 8);
    expect(budget.rows(8)).toBe(248);
  });

  test("is not thrown by one step that takes a second", () => {
    const budget = new PrefillBudget(256);
    const msOf = devices["that is bound by its arithmetic"];
    settle(budget, msOf, 8);
    const before = budget.rows(8);
    budget.observe(8, before, 1000);
    expect(budget.rows(8)).toBeGreaterThan(before / 2);
    budget.observe(8, 0, 1000);
    expect(budget.rows(8)).toBeLessThan(before * 2);
  });
});
