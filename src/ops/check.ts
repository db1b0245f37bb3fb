import type { Tensor } from "../gpu/tensor.ts";

/**
 * @param name What the caller calls the tensor, for the message
 * @throws {RangeError} If the tensor's shape is not `want`.
 */
export function checkShape(name: string, tensor: Tensor, want: readonly number[]): void {
  const have = tensor.shape;
  if (have.length === want.length && have.every((size, axis) => size === want[axis])) return;
  throw new RangeError(`"${name}" must be [${want.join(", ")}], have [${have.join(", ")}]`);
}

/**
 * The two sizes of a matrix.
 * @throws {RangeError} If the tensor does not have exactly two axes.
 */
export function matrixShape(name: string, tensor: Tensor): readonly [rows: number, columns: number] {
  const [rows, columns] = tensor.shape;
  if (tensor.shape.length !== 2 || rows === undefined || columns === undefined) {
    throw new RangeError(`"${name}" must have two axes, have [${tensor.shape.join(", ")}]`);
  }
  return [rows, columns];
}

/**
 * @throws {RangeError} If `value` is not a multiple of `divisor`: the kernels read whole vectors.
 */
export function checkMultiple(name: string, value: number, divisor: number): void {
  if (value % divisor !== 0) {
    throw new RangeError(`"${name}" must be a multiple of ${divisor}, have ${value}`);
  }
}
