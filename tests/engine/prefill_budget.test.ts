import { describe, expect, test } from "bun:test";
import { PrefillBudget } from "../../src/engine/prefill_budget.ts";

/** A device on which a step takes so long; lets the budget run on it and gives the longest step of the end. */
function settle(
  budget: PrefillBudget,
  msOf: (decode: number, prefill: number) => number,
  decode: number,
): number {
  for (let i = 0; i < 20; i++) budget.observe(decode, 0, 0, msOf(decode, 0));
  let longest = 0;
  for (let i = 0; i < 100; i++) {
    const prefill = budget.rows(decode);
    const ms = msOf(decode, prefill);
    budget.observe(decode, prefill, prefill, ms);
    if (i >= 50) longest = Math.max(longest, ms);
  }
  return longest;
}

describe("PrefillBudget", () => {
  test("gives prefill the whole step while nobody waits for a token", () => {
    expect(new PrefillBudget(256).rows(0)).toBe(256);
  });

  test("is careful before it knows, and gives a row or two as long as there is room", () => {
    const budget = new PrefillBudget(64);
    expect([budget.rows(1), budget.rows(60), budget.rows(64)]).toEqual([7, 4, 0]);
    for (let i = 0; i < 50; i++) {
      budget.observe(4, 0, 0, 1);
      budget.observe(4, budget.rows(4), budget.rows(4), 1000);
    }
    // One row, or two where the bucket has room for both.
    expect([1, 3, 4, 5, 8, 62, 63].map((decode) => budget.rows(decode))).toEqual([1, 1, 2, 1, 2, 2, 1]);
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
        expect(longest).toBeLessThanOrEqual(Math.max(2 * msOf(decode, 0), msOf(decode, 2)));
      }
    });
  }

  test("comes back from a slow time to many rows, though the first ones are dear", () => {
    const budget = new PrefillBudget(256);
    const msOf = (_: number, prefill: number) => 10 + (prefill > 0 ? 3 + 0.02 * prefill : 0);
    settle(budget, (decode, prefill) => msOf(decode, prefill) + 50 * prefill, 1);
    expect(budget.rows(1)).toBe(1);
    settle(budget, msOf, 1);
    expect(budget.rows(1)).toBeGreaterThan(100);
  });

  test("takes fewer rows the further a prompt has come, and more again when another begins", () => {
    const budget = new PrefillBudget(256);
    const msOf = (prefill: number, keys: number) => 5 + (prefill > 0 ? 1 + 0.1 * prefill + 0.0005 * keys : 0);
    for (let i = 0; i < 20; i++) budget.observe(4, 0, 0, msOf(0, 0));
    const times: number[] = [];
    const taken: number[] = [];
    for (let position = 0; position < 3000; position += taken.at(-1)!) {
      budget.position = position;
      const rows = budget.rows(4);
      const keys = rows * (position + (rows + 1) / 2);
      budget.observe(4, rows, keys, msOf(rows, keys));
      times.push(msOf(rows, keys));
      taken.push(rows);
    }
    expect(times.slice(1).every((ms) => ms <= 2 * msOf(0, 0))).toBe(true);
    expect(Math.max(...taken.slice(-10))).toBeLessThanOrEqual(2);
    budget.position = 0;
    expect(budget.rows(4)).toBeGreaterThanOrEqual(10);
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
    budget.observe(8, before, before, 1000);
    expect(budget.rows(8)).toBeGreaterThan(before / 2);
    budget.observe(8, 0, 0, 1000);
    expect(budget.rows(8)).toBeLessThan(before * 2);
  });
});
