import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmsNorm } from "../../src/ops/rms_norm.ts";
import * as reference from "../../src/reference/rms_norm.ts";
import { rmsNormCase, rmsNormHeadsCase } from "../../src/selftest/cases/rms_norm.ts";
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
    describe("rmsNorm() scales rows to unit mean square", () => {
      for (
        const [rows, columns] of [[1, 4], [3, 48], [65, 64], [2, 1020], [2, 1028], [5, 4096], [
          70000,
          8,
        ]] as const
      ) {
        test(`R=${rows} D=${columns}`, () => expectRight(device, rmsNormCase(rows, columns)));
      }

      test("in place, and of a row so small that eps matters", () => {
        const x = Float32Array.from({ length: 32 }, (_, i) => 1e-3 * Math.sin(i));
        const weight = new Float32Array(32).fill(1.5);
        const have = runOp(device, {
          x: { dtype: "f32", shape: [1, 32], data: x, inPlace: true },
          weight: { dtype: "f32", shape: [32], data: weight },
        }, (cmd, { x, weight }) => rmsNorm(cmd, x, weight, x, 1e-5));
        expect(relativeL2(have.x, reference.rmsNorm(x, weight, 1e-5))).toBeLessThan(3e-7);
      });
    });

    test("rmsNorm() with heads normalises each of them and leaves the rest of the row alone", () => {
      expectRight(device, rmsNormHeadsCase());
    });

    test("rmsNorm() refuses shapes that do not fit", () => {
      const specs = {
        x: { dtype: "f32", shape: [2, 32] },
        weight: { dtype: "f32", shape: [16] },
        y: { dtype: "f32", shape: [2, 32] },
      } as const;
      runOp(device, specs, (cmd, { x, weight, y }) => {
        expect(() => rmsNorm(cmd, x, weight, y, 1e-5)).toThrow('"weight" must be [32], have [16]');
        expect(() => rmsNorm(cmd, x, weight, y, 1e-5, { offset: 4, count: 2 })).toThrow(
          "2 heads of 16 at 4 must fit",
        );
      });
    });
  });
}
