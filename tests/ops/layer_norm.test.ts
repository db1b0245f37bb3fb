import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { layerNorm } from "../../src/ops/layer_norm.ts";
import * as reference from "../../src/reference/layer_norm.ts";
import { layerNormCase } from "../../src/selftest/cases/layer_norm.ts";
import { relativeL2 } from "../../src/selftest/compare.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { bothDeviceTypes } from "../support/limited_device.ts";
import { runOp } from "../../src/selftest/run_op.ts";
import { testLimitMs } from "../support/test_limit.ts";

// CPU drivers compile a kernel at its first dispatch, some for seconds.
setDefaultTimeout(testLimitMs);
const testDevice = openTestDevice();

for (const [kind, device] of bothDeviceTypes(testDevice)) {
  describe(kind, () => {
    describe("layerNorm() centres rows and scales them to unit variance", () => {
      for (
        const [rows, columns] of [[1, 4], [3, 24], [65, 32], [2, 1020], [2, 1028], [5, 1280], [
          70000,
          4,
        ]] as const
      ) {
        test(`R=${rows} D=${columns}`, () => expectRight(device, layerNormCase(rows, columns)));
      }

      test("in place, and of a row whose mean is a thousand deviations", () => {
        const x = Float32Array.from({ length: 64 }, (_, i) => 1000 + Math.sin(i));
        const [weight, bias] = [new Float32Array(64).fill(1), new Float32Array(64)];
        const have = runOp(device, {
          x: { dtype: "f32", shape: [1, 64], data: x, inPlace: true },
          weight: { dtype: "f32", shape: [64], data: weight },
          bias: { dtype: "f32", shape: [64], data: bias },
        }, (cmd, { x, weight, bias }) => layerNorm(cmd, x, weight, bias, x, 1e-5));
        // An ulp of the mean is 6e-5, of the deviation 9e-5; E[x²] - E[x]² would be off by 0.1.
        expect(relativeL2(have.x, reference.layerNorm(x, weight, bias, 1e-5))).toBeLessThan(2e-4);
      });
    });
  });
}
