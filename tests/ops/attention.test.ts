import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Device } from "../../src/gpu/device.ts";
import { attention as referenceAttention, type AttentionCase } from "../../src/reference/attention.ts";
import {
  attentionCase,
  attentionInput,
  type AttentionRow,
  type AttentionShape,
  paddingPosition,
  prefillRows,
} from "../../src/selftest/cases/attention.ts";
import { firstDifference, relativeL2 } from "../../src/selftest/compare.ts";
import { random } from "../../src/selftest/random.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { bothDeviceTypes } from "../support/limited_device.ts";
import { testLimitMs } from "../support/test_limit.ts";

// CPU drivers compile a kernel at its first dispatch, some for seconds.
setDefaultTimeout(testLimitMs);
const testDevice = openTestDevice();

/** What the op gives on this device. */
const run = (device: Device, input: AttentionCase) => attentionCase("attention", input).run(device).y;

for (const [kind, device] of bothDeviceTypes(testDevice)) {
  describe(kind, () => {
    const cases: [name: string, shape: AttentionShape, lengths: number[], rows: AttentionRow[]][] = [
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
      [
        "a prompt, groups of three",
        { heads: 3, kvHeads: 1, headDim: 12, blockSize: 16 },
        [41],
        prefillRows(0, 0, 41),
      ],
      ["a chunk of a prompt, groups of eight", { heads: 16, kvHeads: 2, headDim: 16, blockSize: 16 }, [
        90,
      ], prefillRows(0, 57, 90)],
      ["heads of 80", { heads: 4, kvHeads: 1, headDim: 80, blockSize: 16 }, [77], prefillRows(0, 70, 77)],
      ["heads of 128", { heads: 8, kvHeads: 2, headDim: 128, blockSize: 16 }, [300], [[0, 299], [0, 5]]],
      ["heads of 256", { heads: 2, kvHeads: 2, headDim: 256, blockSize: 16 }, [40], [[0, 39]]],
    ];
    describe("attention() is the softmax over the row's own past", () => {
      for (const [name, shape, lengths, rows] of cases) {
        test(name, () => {
          expectRight(device, attentionCase(name, attentionInput(shape, lengths, rows)));
        });
      }
    });

    const mixedShape: AttentionShape = { heads: 4, kvHeads: 2, headDim: 16, blockSize: 16 };
    const lengths = [70, 9, 33];
    const mixed: AttentionRow[] = [
      ...prefillRows(0, 60, 70),
      [1, 8],
      [2, 32],
      [0, paddingPosition],
      ...prefillRows(2, 0, 6),
      [1, 0],
    ];

    test("attention() keeps sequences apart and zeroes padding rows", () => {
      const input = attentionInput(mixedShape, lengths, mixed);
      expectRight(device, attentionCase("mixed", input));
      const y = run(device, input);
      const width = mixedShape.heads * mixedShape.headDim;
      expect(y.subarray(12 * width, 13 * width).every((value) => value === 0)).toBe(true);
    });

    test("attention() gives a row the same bits in any company", () => {
      const width = mixedShape.heads * mixedShape.headDim;
      const whole = run(device, attentionInput(mixedShape, lengths, mixed));
      const order = random(3).permutation(mixed.length);
      const shuffled = run(device, attentionInput(mixedShape, lengths, order.map((t) => mixed[t]!)));
      for (const [place, t] of order.entries()) {
        const expected = whole.subarray(t * width, (t + 1) * width);
        expect(firstDifference(shuffled.subarray(place * width, (place + 1) * width), expected)).toBe(-1);
        if (t % 4 !== 0) continue;
        expect(firstDifference(run(device, attentionInput(mixedShape, lengths, [mixed[t]!])), expected)).toBe(
          -1,
        );
      }
    });

    test("attention() keeps a sequence's NaN from its neighbours", () => {
      const input = attentionInput(mixedShape, lengths, mixed);
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
      const input = attentionInput(
        { heads: 2, kvHeads: 1, headDim: 16, blockSize: 16 },
        [100],
        prefillRows(0, 90, 100),
      );
      input.qkv.forEach((value, i) => input.qkv[i] = value * 60);
      expect(relativeL2(run(device, input), referenceAttention(input))).toBeLessThan(2e-5);
    });
  });
}

describe("attention() refuses", () => {
  const refuse = (shape: AttentionShape) => () => run(testDevice, attentionInput(shape, [4], [[0, 3]]));

  test("heads that are no multiple of the key heads", () => {
    expect(refuse({ heads: 3, kvHeads: 2, headDim: 16, blockSize: 16 })).toThrow(RangeError);
  });
  test("head sizes that are no multiple of four", () => {
    expect(refuse({ heads: 2, kvHeads: 2, headDim: 18, blockSize: 16 })).toThrow(
      /"headDim" must be a multiple of 4/,
    );
  });
});
