import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmsNorm } from "../../src/ops/rms_norm.ts";
import * as reference from "../reference/rms_norm.ts";
import { firstDifference, relativeL2 } from "../support/compare.ts";
import { openTestDevice } from "../support/gpu.ts";
import { bothDeviceTypes } from "../support/limited_device.ts";
import { random } from "../support/random.ts";
import { runOp } from "../support/run_op.ts";

// CPU drivers compile a kernel at its first dispatch, some for seconds.
setDefaultTimeout(60_000);
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
        test(`R=${rows} D=${columns}`, () => {
          const rng = random(1);
          const x = rng.normals(rows * columns, 3);
          const weight = rng.normals(columns);
          const { y } = runOp(device, {
            x: { dtype: "f32", shape: [rows, columns], data: x },
            weight: { dtype: "f32", shape: [columns], data: weight },
            y: { dtype: "f32", shape: [rows, columns] },
          }, (cmd, { x, weight, y }) => rmsNorm(cmd, x, weight, y, 1e-5));
          expect(relativeL2(y, reference.rmsNorm(x, weight, 1e-5))).toBeLessThan(3e-7);
        });
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
      const [tokens, width, offset, count, headDim] = [3, 96, 32, 2, 16];
      const rng = random(2);
      const x = rng.normals(tokens * width);
      const weight = rng.normals(headDim);
      const have = runOp(device, {
        x: { dtype: "f32", shape: [tokens, width], data: x, inPlace: true },
        weight: { dtype: "f32", shape: [headDim], data: weight },
      }, (cmd, { x, weight }) => rmsNorm(cmd, x, weight, x, 1e-5, { offset, count }));
      const inside = (i: number) => i % width >= offset && i % width < offset + count * headDim;
      const outside = (values: Float32Array) => values.filter((_, i) => !inside(i));
      const want = reference.rmsNorm(x.filter((_, i) => inside(i)), weight, 1e-5);
      expect(firstDifference(outside(have.x), outside(x))).toBe(-1);
      expect(relativeL2(have.x.filter((_, i) => inside(i)), want)).toBeLessThan(3e-7);
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
