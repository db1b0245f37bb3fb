import { describe, expect, test } from "bun:test";
import { siluMul } from "../../src/ops/silu_mul.ts";
import * as reference from "../../src/reference/silu_mul.ts";
import { siluMulCase } from "../../src/selftest/cases/silu_mul.ts";
import { maxAbsError, relativeL2 } from "../../src/selftest/compare.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { runOp } from "../../src/selftest/run_op.ts";

const device = openTestDevice();

describe("siluMul() equals silu(gate) · up", () => {
  for (const [tokens, columns] of [[1, 4], [3, 96], [2, 252], [5, 260], [1, 14336]] as const) {
    test(`T=${tokens} F=${columns}`, () => expectRight(device, siluMulCase(tokens, columns)));
  }
});

test("siluMul() stays finite for gates where exp overflows", () => {
  const gates = [-1e30, -200, -100, -88.8, 88.8, 100, 200, 1e30];
  const gateUp = Float32Array.from([...gates, ...gates.map(() => 2)]);
  const have = runOp(device, {
    gateUp: { dtype: "f32", shape: [1, 16], data: gateUp },
    y: { dtype: "f32", shape: [1, 8] },
  }, (cmd, { gateUp, y }) => siluMul(cmd, gateUp, y)).y;
  const want = reference.siluMul(gateUp, 8);
  expect(maxAbsError(have.subarray(0, 4), want.subarray(0, 4))).toBeLessThan(1e-30);
  expect(relativeL2(have.subarray(4, 7), want.subarray(4, 7))).toBeLessThan(1e-6);
  expect(have[7]! / want[7]!).toBeCloseTo(1, 6);
});
