import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { topK } from "../../src/ops/top_k.ts";
import { topKCase, topKNormalCase, topKTiesCase } from "../../src/selftest/cases/top_k.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { bothDeviceTypes } from "../support/limited_device.ts";
import { random } from "../../src/selftest/random.ts";
import { runOp } from "../../src/selftest/run_op.ts";
import { testLimitMs } from "../support/test_limit.ts";

// CPU drivers compile a kernel at its first dispatch, some for seconds.
setDefaultTimeout(testLimitMs);
const testDevice = openTestDevice();

for (const [kind, device] of bothDeviceTypes(testDevice)) {
  describe(kind, () => {
    const expectTopK = (logits: Float32Array, rows: number, k: number) =>
      expectRight(device, topKCase("values", logits, rows, k));

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
        test(`R=${rows} V=${columns} k=${k}`, () => expectRight(device, topKNormalCase(rows, columns, k)));
      }

      test("ties go to the smaller id", () => {
        expectRight(device, topKTiesCase(2, 3000, 64));
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
        expect(topKCase("NaN", logits, 1, 1).run(device).ids[0]).toBe(2);
      });

      test("a NaN whose sign is set is a NaN", () => {
        const logits = Float32Array.of(-1, 0, -2);
        new Uint32Array(logits.buffer)[1] = 0xffc00001;
        expect([...topKCase("NaN", logits, 1, 2).run(device).ids]).toEqual([0, 2]);
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
