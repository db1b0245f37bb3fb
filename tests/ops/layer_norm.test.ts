import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { layerNorm } from "../../src/ops/layer_norm.ts";
import * as reference from "../reference/layer_norm.ts";
import { relativeL2 } from "../support/compare.ts";
import { openTestDevice } from "../support/gpu.ts";
import { bothDeviceTypes } from "../support/limited_device.ts";
import { random } from "../support/random.ts";
import { runOp } from "../support/run_op.ts";

// CPU drivers compile a kernel at its first dispatch, some for seconds.
setDefaultTimeout(60_000);
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
        test(`R=${rows} D=${columns}`, () => {
          const rng = random(1);
          const x = rng.normals(rows * columns, 2).map((v) => v + 0.5);
          const weight = rng.normals(columns);
          const bias = rng.normals(columns);
          const { y } = runOp(device, {
            x: { dtype: "f32", shape: [rows, columns], data: x },
            weight: { dtype: "f32", shape: [columns], data: weight },
            bias: { dtype: "f32", shape: [columns], data: bias },
            y: { dtype: "f32", shape: [rows, columns] },
          }, (cmd, { x, weight, bias, y }) => layerNorm(cmd, x, weight, bias, y, 1e-5));
          expect(relativeL2(y, reference.layerNorm(x, weight, bias, 1e-5))).toBeLessThan(5e-7);
        });
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
