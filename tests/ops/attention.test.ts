import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Device } from "../../src/gpu/device.ts";
import { attention } from "../../src/ops/attention.ts";
import * as reference from "../reference/attention.ts";
import { firstDifference, relativeL2 } from "../support/compare.ts";
import { openTestDevice } from "../support/gpu.ts";
import { bothDeviceTypes } from "../support/limited_device.ts";
import { random } from "../support/random.ts";
import { runOp } from "../support/run_op.ts";

// CPU drivers compile a kernel at its first dispatch, some for seconds.
setDefaultTimeout(120_000);
const testDevice = openTestDevice();
const padding = 0xffffffff;

type Shape = Pick<reference.AttentionCase, "heads" | "kvHeads" | "headDim" | "blockSize">;

/** A row of a case: which sequence, which position. */
type Row = readonly [sequence: number, position: number];

/**
 * Rows over `lengths.length` sequences whose blocks lie scattered in the cache. Slots that belong to nobody hold NaN:
 * reading one would show.
 */
function makeCase(shape: Shape, lengths: readonly number[], rows: readonly Row[]): reference.AttentionCase {
  const rng = random(7);
  const { heads, kvHeads, headDim, blockSize } = shape;
  const counts = lengths.map((length) => Math.ceil(length / blockSize));
  const blockCount = counts.reduce((a, b) => a + b, 0) + 3;
  const order = rng.permutation(blockCount);
  const width = Math.max(...counts);
  const blockTables = counts.map((count) => Array.from({ length: width }, (_, i) => i < count ? order.pop()! : 0));
  const caches = [0, 1].map(() => new Float32Array(blockCount * blockSize * kvHeads * headDim).fill(NaN));
  for (const [s, length] of lengths.entries()) {
    for (let p = 0; p < length; p++) {
      const slot = blockTables[s]![Math.floor(p / blockSize)]! * blockSize + p % blockSize;
      for (const cache of caches) cache.set(rng.normals(kvHeads * headDim), slot * kvHeads * headDim);
    }
  }
  // Queries depend on the row's identity alone, so that the same row can be asked for in other company.
  const qkv = rows.flatMap(([s, p]) => [...random(1 + s * 10007 + p).normals((heads + 2 * kvHeads) * headDim)]);
  return {
    ...shape,
    qkv: Float32Array.from(qkv),
    keys: caches[0]!,
    values: caches[1]!,
    positions: rows.map(([, position]) => position),
    sequences: rows.map(([sequence]) => sequence),
    blockTables,
  };
}

function run(device: Device, input: reference.AttentionCase): Float32Array {
  const { heads, kvHeads, headDim } = input;
  const count = input.positions.length;
  const cacheShape = [input.keys.length / (kvHeads * headDim), kvHeads * headDim];
  return runOp(device, {
    qkv: { dtype: "f32", shape: [count, (heads + 2 * kvHeads) * headDim], data: input.qkv },
    keys: { dtype: "f32", shape: cacheShape, data: input.keys },
    values: { dtype: "f32", shape: cacheShape, data: input.values },
    positions: { dtype: "u32", shape: [count], data: Uint32Array.from(input.positions) },
    sequences: { dtype: "u32", shape: [count], data: Uint32Array.from(input.sequences) },
    blockTables: {
      dtype: "u32",
      shape: [input.blockTables.length, input.blockTables[0]!.length],
      data: Uint32Array.from(input.blockTables.flat()),
    },
    y: { dtype: "f32", shape: [count, heads * headDim] },
  }, (cmd, t) => attention(cmd, t.qkv, t.keys, t.values, t.positions, t.sequences, t.blockTables, t.y, input)).y;
}

const prefill = (sequence: number, begin: number, end: number): Row[] =>
  Array.from({ length: end - begin }, (_, i) => [sequence, begin + i]);

for (const [kind, device] of bothDeviceTypes(testDevice)) {
  describe(kind, () => {
    const cases: [name: string, shape: Shape, lengths: number[], rows: Row[]][] = [
      ["one key", { heads: 1, kvHeads: 1, headDim: 8, blockSize: 1 }, [1], [[0, 0]]],
      ["a block of keys, less one, more one", { heads: 4, kvHeads: 2, headDim: 16, blockSize: 16 }, [129], [
        [0, 30],
        [0, 31],
        [0, 32],
        [0, 63],
        [0, 64],
        [0, 127],
        [0, 128],
      ]],
      ["a prompt, groups of three", { heads: 3, kvHeads: 1, headDim: 12, blockSize: 4 }, [41], prefill(0, 0, 41)],
      ["a chunk of a prompt, groups of eight", { heads: 16, kvHeads: 2, headDim: 20, blockSize: 8 }, [
        90,
      ], prefill(0, 57, 90)],
      ["heads of 80", { heads: 4, kvHeads: 1, headDim: 80, blockSize: 16 }, [77], prefill(0, 70, 77)],
      ["heads of 128", { heads: 8, kvHeads: 2, headDim: 128, blockSize: 16 }, [300], [[0, 299], [0, 5]]],
      ["heads of 256", { heads: 2, kvHeads: 2, headDim: 256, blockSize: 16 }, [40], [[0, 39]]],
    ];
    describe("attention() is the softmax over the row's own past", () => {
      for (const [name, shape, lengths, rows] of cases) {
        test(name, () => {
          const input = makeCase(shape, lengths, rows);
          expect(relativeL2(run(device, input), reference.attention(input))).toBeLessThan(1e-6);
        });
      }
    });

    const mixedShape: Shape = { heads: 4, kvHeads: 2, headDim: 16, blockSize: 8 };
    const lengths = [70, 9, 33];
    const mixed: Row[] = [...prefill(0, 60, 70), [1, 8], [2, 32], [0, padding], ...prefill(2, 0, 6), [1, 0]];

    test("attention() keeps sequences apart and zeroes padding rows", () => {
      const input = makeCase(mixedShape, lengths, mixed);
      const y = run(device, input);
      expect(relativeL2(y, reference.attention(input))).toBeLessThan(1e-6);
      const width = mixedShape.heads * mixedShape.headDim;
      expect(y.subarray(12 * width, 13 * width).every((value) => value === 0)).toBe(true);
    });

    test("attention() gives a row the same bits in any company", () => {
      const width = mixedShape.heads * mixedShape.headDim;
      const whole = run(device, makeCase(mixedShape, lengths, mixed));
      const order = random(3).permutation(mixed.length);
      const shuffled = run(device, makeCase(mixedShape, lengths, order.map((t) => mixed[t]!)));
      for (const [place, t] of order.entries()) {
        const expected = whole.subarray(t * width, (t + 1) * width);
        expect(firstDifference(shuffled.subarray(place * width, (place + 1) * width), expected)).toBe(-1);
        if (t % 4 !== 0) continue;
        expect(firstDifference(run(device, makeCase(mixedShape, lengths, [mixed[t]!])), expected)).toBe(-1);
      }
    });

    test("attention() keeps a sequence's NaN from its neighbours", () => {
      const input = makeCase(mixedShape, lengths, mixed);
      const width = mixedShape.kvHeads * mixedShape.headDim;
      const slot = input.blockTables[1]![0]! * mixedShape.blockSize;
      input.values.fill(NaN, slot * width, (slot + 1) * width);
      const y = run(device, input);
      const rowWidth = mixedShape.heads * mixedShape.headDim;
      for (const [t, [sequence]] of mixed.entries()) {
        const row = y.subarray(t * rowWidth, (t + 1) * rowWidth);
        expect(row.some(Number.isNaN)).toBe(sequence === 1);
      }
    });

    test("attention() stays exact where scores are far apart", () => {
      const input = makeCase({ heads: 2, kvHeads: 1, headDim: 16, blockSize: 16 }, [100], prefill(0, 90, 100));
      input.qkv.forEach((value, i) => input.qkv[i] = value * 60);
      expect(relativeL2(run(device, input), reference.attention(input))).toBeLessThan(2e-5);
    });
  });
}

describe("attention() refuses", () => {
  const refuse = (shape: Shape) => () => run(testDevice, makeCase(shape, [4], [[0, 3]]));

  test("heads that are no multiple of the key heads", () => {
    expect(refuse({ heads: 3, kvHeads: 2, headDim: 16, blockSize: 16 })).toThrow(RangeError);
  });
  test("head sizes that are no multiple of four", () => {
    expect(refuse({ heads: 2, kvHeads: 2, headDim: 18, blockSize: 16 })).toThrow(/"headDim" must be a multiple of 4/);
  });
});
