import { describe, expect, test } from "bun:test";
import { rope } from "../../src/ops/rope.ts";
import * as reference from "../../src/reference/rope.ts";
import { ropeCase, ropeFrequencies } from "../../src/selftest/cases/rope.ts";
import { firstDifference, maxAbsError } from "../../src/selftest/compare.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { random } from "../../src/selftest/random.ts";
import { runOp } from "../../src/selftest/run_op.ts";

const device = openTestDevice();

function run(qkv: Float32Array, positions: Uint32Array, heads: number, kvHeads: number, headDim: number) {
  const tokens = positions.length;
  return runOp(device, {
    qkv: { dtype: "f32", shape: [tokens, (heads + 2 * kvHeads) * headDim], data: qkv, inPlace: true },
    positions: { dtype: "u32", shape: [tokens], data: positions },
    invFreq: { dtype: "f32", shape: [headDim / 2], data: ropeFrequencies(headDim) },
  }, (cmd, { qkv, positions, invFreq }) => rope(cmd, qkv, positions, invFreq, { heads, kvHeads, headDim }))
    .qkv;
}

describe("rope() rotates query and key heads and leaves values and padding rows alone", () => {
  for (
    const [tokens, heads, kvHeads, headDim] of [[1, 1, 1, 4], [3, 3, 1, 16], [9, 4, 2, 12], [
      2,
      32,
      8,
      128,
    ]] as const
  ) {
    test(`T=${tokens} H=${heads} KV=${kvHeads} d=${headDim}`, () => {
      const kernelCase = ropeCase(tokens, heads, kvHeads, headDim);
      expectRight(device, kernelCase);
      const stride = (heads + 2 * kvHeads) * headDim;
      const values = (all: ArrayLike<number>) =>
        Array.from(all).filter((_, i) => i % stride >= (heads + kvHeads) * headDim);
      const before = random(1).normals(tokens * stride);
      expect(firstDifference(values(kernelCase.run(device).qkv), values(before))).toBe(-1);
    });
  }
});

test("rope()'s sine and cosine are right to 5e-7 at every power of two and its neighbours up to 131071", () => {
  // The pair (1, 0) becomes (cos, sin).
  const headDim = 128;
  const positions = Uint32Array.from([
    ...Array.from({ length: 18 }, (_, i) => 2 ** i - 1),
    ...Array.from({ length: 17 }, (_, i) => 2 ** i + 1),
    ...Array.from({ length: 200 }, (_, i) => 131071 - 97 * i),
  ]);
  const stride = 3 * headDim;
  const qkv = Float32Array.from(
    { length: positions.length * stride },
    (_, i) => i % headDim < headDim / 2 ? 1 : 0,
  );
  const want = reference.rope(qkv, positions, ropeFrequencies(headDim), stride, 2);
  expect(maxAbsError(run(qkv, positions, 1, 1, headDim), want)).toBeLessThan(5e-7);
});

test("rope() at position 0 changes nothing", () => {
  const qkv = random(2).normals(3 * 16);
  expect(firstDifference(run(qkv, Uint32Array.of(0), 1, 1, 16), qkv)).toBe(-1);
});
