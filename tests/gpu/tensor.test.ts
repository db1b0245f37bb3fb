import { expect, test } from "bun:test";
import { AssertionError } from "../../src/base/assert.ts";
import type { GpuBuffer } from "../../src/gpu/memory.ts";
import { reshape, sliceRows, type Tensor, tensorBytes } from "../../src/gpu/tensor.ts";

// Tensors only name their place, so none is needed to compute with them.
const buffer = {} as GpuBuffer;
const matrix: Tensor<"bf16"> = { name: "w", dtype: "bf16", shape: [6, 4, 2], buffer, offset: 512 };

test("tensorBytes() multiplies shape and element", () => {
  expect(tensorBytes(matrix)).toBe(96);
  expect(tensorBytes({ ...matrix, shape: [] })).toBe(2);
  expect(tensorBytes({ ...matrix, shape: [3, 0] })).toBe(0);
});

test("sliceRows() is the same memory, whole rows further", () => {
  const rows = sliceRows(matrix, 2, 5);
  expect(rows).toEqual({ ...matrix, shape: [3, 4, 2], offset: 512 + 2 * 16 });
  expect(sliceRows(rows, 1, 1).shape).toEqual([0, 4, 2]);
});

test.each([[-1, 2], [3, 2], [0, 7]])("sliceRows() refuses rows %d to %d of 6", (begin, end) => {
  expect(() => sliceRows(matrix, begin, end)).toThrow(AssertionError);
});

test("reshape() keeps the elements", () => {
  expect(reshape(matrix, [48]).shape).toEqual([48]);
  expect(() => reshape(matrix, [47])).toThrow(AssertionError);
});
