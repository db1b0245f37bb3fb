/** Element types of tensors, in files and on the device. */
export type Dtype = "f32" | "f16" | "bf16" | "u32" | "i32" | "u8";

/** Bytes of one element. */
export const dtypeBytes: Readonly<Record<Dtype, number>> = { f32: 4, f16: 2, bf16: 2, u32: 4, i32: 4, u8: 1 };

/** Number of elements of a shape; 1 for a scalar's empty shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
