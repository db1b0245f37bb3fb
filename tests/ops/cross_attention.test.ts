import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Device } from "../../src/gpu/device.ts";
import { crossAttention } from "../../src/ops/cross_attention.ts";
import type { CrossAttentionCase } from "../../src/reference/cross_attention.ts";
import {
  crossAttentionCase,
  crossAttentionInput,
  type CrossAttentionShape,
  type TileRange,
} from "../../src/selftest/cases/cross_attention.ts";
import { firstDifference } from "../../src/selftest/compare.ts";
import { random } from "../../src/selftest/random.ts";
import { runOp } from "../../src/selftest/run_op.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { bothDeviceTypes } from "../support/limited_device.ts";
import { testLimitMs } from "../support/test_limit.ts";

// CPU drivers compile a kernel at its first dispatch, some for seconds.
setDefaultTimeout(testLimitMs);
const testDevice = openTestDevice();

/** What the op gives on this device. */
const run = (device: Device, input: CrossAttentionCase) => crossAttentionCase("rows", input).run(device).y;

for (const [kind, device] of bothDeviceTypes(testDevice)) {
  describe(kind, () => {
    const cases: [name: string, shape: CrossAttentionShape, rowTiles: TileRange[]][] = [
      ["one row, one tile", { heads: 1, kvHeads: 1, headDim: 8, tileTokens: 17 }, [[0, 1]]],
      ["all tiles", { heads: 4, kvHeads: 2, headDim: 16, tileTokens: 50 }, [[0, 5], [0, 5], [0, 5]]],
      ["a tile of one token", { heads: 2, kvHeads: 1, headDim: 12, tileTokens: 1 }, [[1, 2], [0, 2]]],
      ["exactly a block of keys", { heads: 4, kvHeads: 4, headDim: 16, tileTokens: 64 }, [[1, 3]]],
      ["rows of several images", { heads: 3, kvHeads: 1, headDim: 16, tileTokens: 17 }, [
        [0, 0],
        [0, 1],
        [0, 1],
        [1, 4],
        [2, 2],
        [3, 5],
        [3, 4],
      ]],
      ["heads of 128", { heads: 8, kvHeads: 2, headDim: 128, tileTokens: 65 }, [[2, 4], [0, 1]]],
    ];
    describe("crossAttention() is the softmax over all tokens of the row's tiles", () => {
      for (const [name, shape, rowTiles] of cases) {
        test(name, () => {
          expectRight(device, crossAttentionCase(name, crossAttentionInput(shape, rowTiles)));
        });
      }
    });

    test("crossAttention() turns a row without tiles into zeros", () => {
      const input = crossAttentionInput({ heads: 2, kvHeads: 1, headDim: 8, tileTokens: 9 }, [
        [2, 2],
        [0, 1],
        [0, 0],
      ]);
      const y = run(device, input);
      expect(y.subarray(0, 16).every((value) => value === 0)).toBe(true);
      expect(y.subarray(16, 32).every((value) => value === 0)).toBe(false);
      expect(y.subarray(32).every((value) => value === 0)).toBe(true);
    });

    test("crossAttention() gives a row the same bits in any company", () => {
      const shape = { heads: 4, kvHeads: 2, headDim: 16, tileTokens: 50 };
      const ranges: TileRange[] = [[0, 2], [0, 2], [1, 1], [2, 5], [2, 5], [2, 5], [0, 1], [4, 5], [0, 5]];
      const width = shape.heads * shape.headDim;
      const whole = run(device, crossAttentionInput(shape, ranges));
      const order = random(5).permutation(ranges.length);
      const shuffled = run(device, crossAttentionInput(shape, order.map((t) => ranges[t]!), order));
      for (const [place, t] of order.entries()) {
        const expected = whole.subarray(t * width, (t + 1) * width);
        expect(firstDifference(shuffled.subarray(place * width, (place + 1) * width), expected)).toBe(-1);
        const alone = run(device, crossAttentionInput(shape, [ranges[t]!], [t]));
        expect(firstDifference(alone, expected)).toBe(-1);
      }
    });
  });
}

test("crossAttention() refuses a cache that holds no whole tiles", () => {
  const input = crossAttentionInput({ heads: 2, kvHeads: 1, headDim: 8, tileTokens: 9 }, [[0, 1]]);
  const run = () =>
    runOp(testDevice, {
      q: { dtype: "f32", shape: [1, 16], data: input.q },
      keys: { dtype: "f32", shape: [45, 8], data: input.keys },
      values: { dtype: "f32", shape: [45, 8], data: input.values },
      rowTiles: { dtype: "u32", shape: [1, 2], data: Uint32Array.of(0, 1) },
      tileTable: { dtype: "u32", shape: [1], data: Uint32Array.of(0) },
      y: { dtype: "f32", shape: [1, 16] },
    }, (cmd, t) =>
      crossAttention(cmd, t.q, t.keys, t.values, t.rowTiles, t.tileTable, t.y, { ...input, tileTokens: 10 }));
  expect(run).toThrow('"keys" must hold whole tiles of 10 rows, have 45 rows');
});
