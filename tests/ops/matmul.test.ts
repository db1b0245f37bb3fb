import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { matmul } from "../../src/ops/matmul.ts";
import * as reference from "../../src/reference/matmul.ts";
import { matmulCase, type MatmulSizes, matmulTolerance } from "../../src/selftest/cases/matmul.ts";
import { firstDifference, maxAbsError, relativeL2 } from "../../src/selftest/compare.ts";
import { random } from "../../src/selftest/random.ts";
import { runOp } from "../../src/selftest/run_op.ts";
import { decodeWeight, encodeWeight } from "../../src/selftest/weight_bytes.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { bothDeviceTypes, limitDevice } from "../support/limited_device.ts";
import { testLimitMs } from "../support/test_limit.ts";

// CPU drivers compile a kernel at its first dispatch, some for seconds.
setDefaultTimeout(testLimitMs);
const testDevice = openTestDevice();

for (const [kind, device] of bothDeviceTypes(testDevice)) {
  describe(kind, () => {
    describe("matmul() equals x·Wᵀ", () => {
      const cases: MatmulSizes[] = [
        { tokens: 1, columns: 4, outputs: 1 },
        { tokens: 1, columns: 36, outputs: 24 }, // K an odd multiple of 4: every other 16-bit row is misaligned
        { tokens: 1, columns: 24, outputs: 31 }, // an odd number of loads in a 16-bit row
        { tokens: 5, columns: 36, outputs: 24 },
        { tokens: 1, columns: 512, outputs: 63 },
        { tokens: 2, columns: 64, outputs: 65 },
        { tokens: 3, columns: 64, outputs: 768 },
        { tokens: 8, columns: 96, outputs: 129 },
        { tokens: 17, columns: 64, outputs: 31 },
        { tokens: 1, columns: 4096, outputs: 128 },
        { tokens: 65, columns: 1280, outputs: 40 },
      ];
      for (const dtype of ["f32", "bf16", "f16"] as const) {
        for (const shape of cases) {
          const kernelCase = matmulCase(dtype, shape);
          test(kernelCase.name, () => expectRight(device, kernelCase));
        }
      }
    });

    describe("matmul() applies its epilogue", () => {
      const shape = { tokens: 3, columns: 32, outputs: 40 };
      const rng = random(2);
      const x = rng.normals(shape.tokens * shape.columns);
      const weight = encodeWeight("bf16", rng.normals(shape.outputs * shape.columns, shape.columns ** -0.5));
      const bias = rng.normals(shape.outputs);
      const residual = rng.normals(shape.tokens * shape.outputs);

      test("bias, GELU, scale and residual, into the residual's own memory", () => {
        const have = runOp(device, {
          x: { dtype: "f32", shape: [3, 32], data: x },
          weight: { dtype: "bf16", shape: [40, 32], data: weight.bytes },
          bias: { dtype: "f32", shape: [40], data: bias },
          y: { dtype: "f32", shape: [3, 40], data: residual, inPlace: true },
        }, (cmd, { x, weight, bias, y }) => {
          matmul(cmd, x, weight, y, { bias, activation: "gelu", scale: -0.75, residual: y });
        }).y;
        const want = reference.matmul({
          ...shape,
          x,
          weight: weight.values,
          bias,
          gelu: true,
          scale: -0.75,
          residual,
        });
        expect(relativeL2(have, want)).toBeLessThan(matmulTolerance);
      });

      for (const part of ["bias", "gelu", "scale", "residual"] as const) {
        test(`${part} alone`, () => expectRight(device, matmulCase("bf16", shape, [part])));
      }
    });

    test("matmul()'s GELU is right to f32 noise from -10 to 10", () => {
      const count = 4001;
      const values = Float32Array.from({ length: count }, (_, i) => (i - 2000) / 200);
      // A weight of [v, 0, 0, 0] and x of [1, 0, 0, 0] make the sum v itself.
      const weight = new Float32Array(4 * count);
      values.forEach((v, i) => weight[4 * i] = v);
      const y = runOp(device, {
        x: { dtype: "f32", shape: [1, 4], data: Float32Array.of(1, 0, 0, 0) },
        weight: { dtype: "f32", shape: [count, 4], data: weight },
        y: { dtype: "f32", shape: [1, count] },
      }, (cmd, { x, weight, y }) => matmul(cmd, x, weight, y, { activation: "gelu" })).y;
      const errors = Array.from(
        values,
        (v, i) => Math.abs(y[i]! - reference.gelu(v)) / Math.max(1, Math.abs(v)),
      );
      expect(Math.max(...errors)).toBeLessThan(2e-7);
    });

    describe("matmul() reads every finite 16-bit weight exactly", () => {
      // K = 4 takes the kernel of narrow loads, K = 8 the other; x picks the last column.
      for (const [dtype, columns] of [["f16", 4], ["f16", 8], ["bf16", 4], ["bf16", 8]] as const) {
        test(`${dtype} K=${columns}`, () => {
          const words = allFinite(dtype);
          const rows = new Uint16Array(columns * words.length);
          words.forEach((word, i) => rows[columns * i + columns - 1] = word);
          const x = new Float32Array(columns);
          x[columns - 1] = 1;
          const y = runOp(device, {
            x: { dtype: "f32", shape: [1, columns], data: x },
            weight: { dtype, shape: [words.length, columns], data: rows },
            y: { dtype: "f32", shape: [1, words.length] },
          }, (cmd, { x, weight, y }) => matmul(cmd, x, weight, y)).y;
          // A device may flush f32 subnormals, which bf16 subnormals are and f16 ones are not: those must survive.
          expect(maxAbsError(y, decodeWeight(dtype, words))).toBeLessThan(dtype === "f16" ? 1e-300 : 1.2e-38);
        });
      }
    });

    describe("matmul() gives a row the same bits whatever rows are beside it", () => {
      const [columns, outputs] = [640, 72];
      const rng = random(3);
      const x = rng.normals(24 * columns);
      const weight = encodeWeight("bf16", rng.normals(outputs * columns));
      const rowsOf = (first: number, tokens: number) =>
        runOp(device, {
          x: {
            dtype: "f32",
            shape: [tokens, columns],
            data: x.subarray(first * columns, (first + tokens) * columns),
          },
          weight: { dtype: "bf16", shape: [outputs, columns], data: weight.bytes },
          y: { dtype: "f32", shape: [tokens, outputs] },
        }, (cmd, { x, weight, y }) => matmul(cmd, x, weight, y)).y;

      for (const [most, fewer] of [[8, [1, 2, 3, 5, 7]], [24, [9, 16, 17]]] as const) {
        test(`up to ${most} rows`, () => {
          const all = rowsOf(0, most);
          for (const tokens of fewer) {
            const first = most - tokens;
            expect(firstDifference(rowsOf(first, tokens), all.subarray(first * outputs))).toBe(-1);
          }
        });
      }
    });

    test("matmul() cuts a weight and rows that are larger than a view", () => {
      // A device that lends only 16 KiB at a time: 64 rows of this weight, 32 rows of y.
      const small = limitDevice(device, { maxStorageBufferRange: 16384 });
      expectRight(small, matmulCase("bf16", { tokens: 70, columns: 128, outputs: 130 }, ["bias"]));
    });

    test("matmul() refuses shapes that do not fit", () => {
      const specs = {
        x: { dtype: "f32", shape: [2, 8] },
        odd: { dtype: "f32", shape: [2, 6] },
        weight: { dtype: "bf16", shape: [4, 8] },
        oddWeight: { dtype: "bf16", shape: [4, 6] },
        y: { dtype: "f32", shape: [2, 4] },
        narrow: { dtype: "f32", shape: [2, 3] },
      } as const;
      runOp(device, specs, (cmd, t) => {
        expect(() => matmul(cmd, t.x, t.oddWeight, t.y)).toThrow('"weight" must be [4, 8], have [4, 6]');
        expect(() => matmul(cmd, t.odd, t.oddWeight, t.y)).toThrow(
          '"columns of x" must be a multiple of 4, have 6',
        );
        expect(() => matmul(cmd, t.x, t.weight, t.narrow)).toThrow('"y" must be [2, 4], have [2, 3]');
        expect(() => matmul(cmd, t.x, t.weight, t.y, { residual: t.narrow })).toThrow(
          '"residual" must be [2, 4]',
        );
      });
    });
  });
}

function allFinite(dtype: "f16" | "bf16"): Uint16Array {
  const exponent = dtype === "f16" ? 0x7c00 : 0x7f80;
  return Uint16Array.from({ length: 0x10000 }, (_, i) => i).filter((word) => (word & exponent) !== exponent);
}
