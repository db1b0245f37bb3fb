import { describe, expect, test } from "bun:test";
import { mostKeys } from "../../src/ops/attention_tile.ts";
import { attentionCase, attentionInput, type AttentionRow } from "../../src/selftest/cases/attention.ts";
import { openTestDevice } from "../support/gpu.ts";
import { testLimitMs } from "../support/test_limit.ts";

/** Drivers without a limit are tested at about what the oldest driver manages. */
const enough = 26_000;

/** f32 sums over tens of thousands of keys are off by 3e-6; a loop that ends early gives NaN. */
const limit = 1e-5;

const device = openTestDevice();

describe("mostKeys() are attended to in full", () => {
  test.each([
    { name: "one row", heads: 4, kvHeads: 1, headDim: 128, sequences: 1 },
    { name: "rows of two sequences in one workgroup", heads: 2, kvHeads: 1, headDim: 16, sequences: 2 },
  ])("$name", ({ heads, kvHeads, headDim, sequences }) => {
    const keys = Math.min(mostKeys(device, { heads, kvHeads, headDim }), enough);
    const lengths = Array.from({ length: sequences }, () => keys);
    const rows: AttentionRow[] = lengths.map((length, sequence) => [sequence, length - 1]);
    const input = attentionInput({ heads, kvHeads, headDim, blockSize: 16 }, lengths, rows);
    for (const { error } of attentionCase("long", input).measure(device)) expect(error).toBeLessThan(limit);
  }, testLimitMs);
});
