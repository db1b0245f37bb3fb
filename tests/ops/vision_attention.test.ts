import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Device } from "../../src/gpu/device.ts";
import type { VisionAttentionCase } from "../../src/reference/vision_attention.ts";
import { visionAttentionCase, visionAttentionInput } from "../../src/selftest/cases/vision_attention.ts";
import { firstDifference, relativeL2 } from "../../src/selftest/compare.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { bothDeviceTypes } from "../support/limited_device.ts";
import { testLimitMs } from "../support/test_limit.ts";

// CPU drivers compile a kernel at its first dispatch, some for seconds.
setDefaultTimeout(testLimitMs);
const testDevice = openTestDevice();

/** What the op gives on this device. */
const run = (device: Device, input: VisionAttentionCase) => visionAttentionCase(input).run(device).y;

for (const [kind, device] of bothDeviceTypes(testDevice)) {
  describe(kind, () => {
    describe("visionAttention() shows real rows everything and padding rows the real ones", () => {
      for (
        const [count, realCount, heads, headDim] of [
          [1, 1, 1, 8],
          [7, 6, 2, 12],
          [32, 31, 4, 8],
          [33, 33, 4, 8],
          [65, 40, 2, 16],
          [130, 17, 1, 20],
          [146, 130, 4, 80],
          [67, 66, 1, 128],
        ] as const
      ) {
        const kernelCase = visionAttentionCase(visionAttentionInput(count, realCount, heads, headDim));
        test(kernelCase.name, () => expectRight(device, kernelCase));
      }
    });

    test("visionAttention() lets one padding key with bias ln(n) stand for n equal ones", () => {
      const [heads, headDim, realCount, copies] = [2, 8, 20, 7];
      const width = 3 * heads * headDim;
      const single = {
        ...visionAttentionInput(realCount + 1, realCount, heads, headDim),
        keyBias: [Math.log(copies)],
      };
      const qkv = new Float32Array((realCount + copies) * width);
      qkv.set(single.qkv);
      const pad = single.qkv.subarray(realCount * width);
      for (let i = 0; i < copies; i++) qkv.set(pad, (realCount + i) * width);
      const spread = { ...single, qkv, keyBias: new Array(copies).fill(0) };
      const rows = (y: Float32Array) => y.subarray(0, (realCount + 1) * heads * headDim);
      expect(relativeL2(rows(run(device, single)), rows(run(device, spread)))).toBeLessThan(1e-6);
    });

    test("visionAttention() gives a row the same bits wherever it stands", () => {
      const input = visionAttentionInput(50, 50, 2, 16);
      const order = Array.from({ length: 50 }, (_, t) => t).reverse();
      // Keys and values stay; only the queries trade places.
      const width = 2 * 16;
      const qkv = input.qkv.slice();
      for (const [place, t] of order.entries()) {
        qkv.set(input.qkv.subarray(t * 3 * width, t * 3 * width + width), place * 3 * width);
      }
      const [whole, shuffled] = [run(device, input), run(device, { ...input, qkv })];
      for (const [place, t] of order.entries()) {
        const expected = whole.subarray(t * width, (t + 1) * width);
        expect(firstDifference(shuffled.subarray(place * width, (place + 1) * width), expected)).toBe(-1);
      }
    });
  });
}

test("visionAttention() refuses an image without a real token", () => {
  expect(() => run(testDevice, { ...visionAttentionInput(4, 4, 1, 8), keyBias: [0, 0, 0, 0], realCount: 0 }))
    .toThrow(
      '"realCount" must be from 1 to the 4 rows, have 0',
    );
});
