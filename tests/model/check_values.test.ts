import { describe, expect, test } from "bun:test";
import type { WeightDtype } from "../../src/model/check_tensors.ts";
import { findSuspectTensors, type SuspectTensor } from "../../src/model/check_values.ts";
import { encodeWeight } from "../../src/selftest/weight_bytes.ts";
import type { TensorInfo, WeightSource } from "../../src/weights/source.ts";

/** One tensor in memory instead of in a file. */
function sourceOf(
  dtype: WeightDtype,
  shape: readonly number[],
  values: Float32Array,
): WeightSource<WeightDtype> {
  const { bytes } = encodeWeight(dtype, values);
  const info: TensorInfo<WeightDtype> = { name: "w", dtype, shape, bytes: bytes.length, file: "memory" };
  return {
    tensors: new Map([["w", info]]),
    readInto: (_, begin, target) => target.set(bytes.subarray(begin, begin + target.length)),
    read: (_, begin = 0, length = bytes.length) => bytes.slice(begin, begin + length),
    readLater: () => {},
    settle: () => {},
    close: () => {},
  };
}

function faultsOf(dtype: WeightDtype, values: readonly number[], shape = [1, values.length]) {
  return findSuspectTensors(sourceOf(dtype, shape, Float32Array.from(values)));
}

describe.each<WeightDtype>(["f32", "bf16", "f16"])("findSuspectTensors() of %s (F06)", (dtype) => {
  test.each([NaN, -NaN, Infinity, -Infinity])("names a tensor with %p", async (value) => {
    expect(await faultsOf(dtype, [1, value, 2, 0])).toEqual([{ name: "w", fault: "not finite" }]);
    expect(await faultsOf(dtype, [value], [1])).toEqual([{ name: "w", fault: "not finite" }]);
  });

  test("takes the largest and the smallest numbers for what they are", async () => {
    const [largest, smallest] = dtype === "f16" ? [65504, 2 ** -24] : [3.3e38, 1e-40];
    expect(await faultsOf(dtype, [largest, -largest, smallest])).toEqual([]);
    expect(await faultsOf(dtype, [0, 0, smallest])).toEqual([]);
  });

  test("names a matrix of zeros of either sign, and no vector", async () => {
    expect(await faultsOf(dtype, [0, -0, 0])).toEqual([{ name: "w", fault: "all zero" }]);
    expect(await faultsOf(dtype, [0, -0, 0], [3])).toEqual([]);
  });
});

test("findSuspectTensors() looks at every value of a large tensor, and tells how far it is (F06)", async () => {
  const values = new Float32Array(3_000_001);
  const fault = async (): Promise<readonly SuspectTensor[]> =>
    await findSuspectTensors(sourceOf("f32", [1, values.length], values));
  expect(await fault()).toMatchObject([{ fault: "all zero" }]);
  values[values.length - 1] = 1;
  expect(await fault()).toEqual([]);
  values[1 << 20] = NaN; // the first value of the second window
  expect(await fault()).toMatchObject([{ fault: "not finite" }]);
  const told: number[][] = [];
  await findSuspectTensors(sourceOf("f32", [1, values.length], values), (...at) => told.push(at));
  expect(told.at(-1)).toEqual([4 * values.length, 4 * values.length]);
  expect(told.length).toBe(Math.ceil(4 * values.length / (4 << 20)));
});
