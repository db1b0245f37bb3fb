import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { topK } from "../../src/ops/top_k.ts";
import * as reference from "../reference/top_k.ts";
import { firstDifference } from "../support/compare.ts";
import { openTestDevice } from "../support/gpu.ts";
import { bothDeviceTypes } from "../support/limited_device.ts";
import { random } from "../support/random.ts";
import { runOp } from "../support/run_op.ts";

// CPU drivers compile a kernel at its first dispatch, some for seconds.
setDefaultTimeout(60_000);
const testDevice = openTestDevice();

for (const [kind, device] of bothDeviceTypes(testDevice)) {
  describe(kind, () => {
    function run(logits: Float32Array, rows: number, k: number) {
      return runOp(device, {
        logits: { dtype: "f32", shape: [rows, logits.length / rows], data: logits },
        ids: { dtype: "u32", shape: [rows, k] },
        best: { dtype: "f32", shape: [rows, k] },
        logSumExp: { dtype: "f32", shape: [rows] },
      }, (cmd, { logits, ids, best, logSumExp }) => topK(cmd, logits, k, ids, best, logSumExp));
    }

    function expectTopK(logits: Float32Array, rows: number, k: number): void {
      const have = run(logits, rows, k);
      const columns = logits.length / rows;
      for (let row = 0; row < rows; row++) {
        const want = reference.topK(logits.subarray(row * columns, (row + 1) * columns), k);
        expect(firstDifference(have.ids.subarray(row * k, (row + 1) * k), want.ids)).toBe(-1);
        expect(firstDifference(have.best.subarray(row * k, (row + 1) * k), want.logits)).toBe(-1);
        if (Number.isFinite(want.logSumExp)) {
          expect(Math.abs(have.logSumExp[row]! - want.logSumExp)).toBeLessThan(
            2e-6 * Math.max(1, Math.abs(want.logSumExp)),
          );
        } else expect(have.logSumExp[row]).toBe(want.logSumExp);
      }
    }

    describe("topK() sorts the largest logits and sums their exponentials", () => {
      for (
        const [rows, columns, k] of [
          [1, 1, 1],
          [3, 7, 7],
          [2, 64, 64],
          [5, 556, 1],
          [2, 1023, 20],
          [2, 1025, 64],
          [1, 8193, 64],
          [2, 128256, 1],
          [1, 128256, 64],
        ] as const
      ) {
        test(`R=${rows} V=${columns} k=${k}`, () =>
          expectTopK(random(1).normals(rows * columns, 3), rows, k));
      }

      test("ties go to the smaller id", () => {
        const rng = random(2);
        expectTopK(Float32Array.from({ length: 6000 }, () => rng.below(4)), 2, 64);
        expectTopK(new Float32Array(3000), 1, 64);
      });

      test("the winners may all be in one segment", () => {
        const logits = random(3).normals(70000);
        for (let i = 0; i < 65; i++) logits[5 + 1024 * i] = 10 + i % 7;
        expectTopK(logits, 1, 64);
      });
    });

    describe("topK() on values that are not ordinary", () => {
      test("NaN never wins, and the log-sum-exp says that there was one", () => {
        const logits = Float32Array.of(1, NaN, 3, -NaN, -Infinity, 2);
        expectTopK(logits, 1, 6);
        expect(run(logits, 1, 1).ids[0]).toBe(2);
      });

      test("a NaN whose sign is set is a NaN", () => {
        const logits = Float32Array.of(-1, 0, -2);
        new Uint32Array(logits.buffer)[1] = 0xffc00001;
        expect([...run(logits, 1, 2).ids]).toEqual([0, 2]);
      });

      test("infinities, zeros of both signs and subnormals", () => {
        expectTopK(Float32Array.of(-Infinity, -Infinity, -5), 1, 3);
        expectTopK(Float32Array.of(-Infinity, -Infinity), 1, 2);
        expectTopK(Float32Array.of(0, Infinity, 1), 1, 3);
        expectTopK(Float32Array.of(-0, 0, -0, 1e-44, -1e-44, 2e-44), 1, 6);
      });
    });

    test("topK() refuses a k that is out of range", () => {
      const specs = {
        logits: { dtype: "f32", shape: [1, 8] },
        ids: { dtype: "u32", shape: [1, 8] },
        best: { dtype: "f32", shape: [1, 8] },
        total: { dtype: "f32", shape: [1] },
      } as const;
      runOp(device, specs, (cmd, { logits, ids, best, total }) => {
        for (const k of [0, 9, 1.5]) {
          expect(() => topK(cmd, logits, k, ids, best, total)).toThrow(`"k" must be from 1 to 8, have ${k}`);
        }
      });
    });
  });
}
