import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Device } from "../../src/gpu/device.ts";
import { crossAttention } from "../../src/ops/cross_attention.ts";
import * as reference from "../reference/cross_attention.ts";
import { firstDifference, relativeL2 } from "../support/compare.ts";
import { openTestDevice } from "../support/gpu.ts";
import { bothDeviceTypes } from "../support/limited_device.ts";
import { random } from "../support/random.ts";
import { runOp } from "../support/run_op.ts";

// CPU drivers compile a kernel at its first dispatch, some for seconds.
setDefaultTimeout(120_000);
const testDevice = openTestDevice();

type Shape = Pick<reference.CrossAttentionCase, "heads" | "kvHeads" | "headDim" | "tileTokens">;
type Range = readonly [begin: number, end: number];

/** Five tile slots, of which slot 2 belongs to nobody and holds NaN. */
const slotCount = 5;
const tileTable = [3, 0, 4, 1, 0];

function makeCase(shape: Shape, rowTiles: readonly Range[], rowIds = rowTiles.map((_, t) => t)) {
  const { heads, kvHeads, headDim, tileTokens } = shape;
  const rng = random(11);
  const tileSize = tileTokens * kvHeads * headDim;
  const [keys, values] = [rng.normals(slotCount * tileSize), rng.normals(slotCount * tileSize)];
  for (const cache of [keys, values]) cache.fill(NaN, 2 * tileSize, 3 * tileSize);
  const q = Float32Array.from(rowIds.flatMap((id) => [...random(100 + id).normals(heads * headDim)]));
  return { ...shape, q, keys, values, rowTiles, tileTable };
}

function run(device: Device, input: reference.CrossAttentionCase): Float32Array {
  const { heads, kvHeads, headDim, tileTokens } = input;
  const count = input.rowTiles.length;
  const cacheShape = [slotCount * tileTokens, kvHeads * headDim];
  return runOp(device, {
    q: { dtype: "f32", shape: [count, heads * headDim], data: input.q },
    keys: { dtype: "f32", shape: cacheShape, data: input.keys },
    values: { dtype: "f32", shape: cacheShape, data: input.values },
    rowTiles: { dtype: "u32", shape: [count, 2], data: Uint32Array.from(input.rowTiles.flat()) },
    tileTable: { dtype: "u32", shape: [tileTable.length], data: Uint32Array.from(tileTable) },
    y: { dtype: "f32", shape: [count, heads * headDim] },
  }, (cmd, t) => crossAttention(cmd, t.q, t.keys, t.values, t.rowTiles, t.tileTable, t.y, input)).y;
}

for (const [kind, device] of bothDeviceTypes(testDevice)) {
  describe(kind, () => {
    const cases: [name: string, shape: Shape, rowTiles: Range[]][] = [
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
          const input = makeCase(shape, rowTiles);
          expect(relativeL2(run(device, input), reference.crossAttention(input))).toBeLessThan(1e-6);
        });
      }
    });

    test("crossAttention() turns a row without tiles into zeros", () => {
      const input = makeCase({ heads: 2, kvHeads: 1, headDim: 8, tileTokens: 9 }, [[2, 2], [0, 1], [0, 0]]);
      const y = run(device, input);
      expect(y.subarray(0, 16).every((value) => value === 0)).toBe(true);
      expect(y.subarray(16, 32).every((value) => value === 0)).toBe(false);
      expect(y.subarray(32).every((value) => value === 0)).toBe(true);
    });

    test("crossAttention() gives a row the same bits in any company", () => {
      const shape = { heads: 4, kvHeads: 2, headDim: 16, tileTokens: 50 };
      const ranges: Range[] = [[0, 2], [0, 2], [1, 1], [2, 5], [2, 5], [2, 5], [0, 1], [4, 5], [0, 5]];
      const width = shape.heads * shape.headDim;
      const whole = run(device, makeCase(shape, ranges));
      const order = random(5).permutation(ranges.length);
      const shuffled = run(device, makeCase(shape, order.map((t) => ranges[t]!), order));
      for (const [place, t] of order.entries()) {
        const expected = whole.subarray(t * width, (t + 1) * width);
        expect(firstDifference(shuffled.subarray(place * width, (place + 1) * width), expected)).toBe(-1);
        const alone = run(device, makeCase(shape, [ranges[t]!], [t]));
        expect(firstDifference(alone, expected)).toBe(-1);
      }
    });
  });
}

test("crossAttention() refuses a cache that holds no whole tiles", () => {
  const input = makeCase({ heads: 2, kvHeads: 1, headDim: 8, tileTokens: 9 }, [[0, 1]]);
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
