import { assert } from "../base/assert.ts";
import { type Dtype, dtypeBytes, elementCount } from "../base/dtype.ts";
import type { GpuBuffer } from "./memory.ts";

/**
 * A dtype, a shape and a place in a device buffer. Owns nothing: the arena that made it must outlive it.
 * Row-major and contiguous. `offset` is in bytes and a multiple of the device's storage-buffer alignment
 * whenever the tensor is bound to a kernel.
 */
export interface Tensor<D extends Dtype = Dtype> {
  readonly name: string;
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly buffer: GpuBuffer;
  readonly offset: number;
}

/** Bytes of the tensor's elements. */
export function tensorBytes(tensor: Tensor): number {
  return elementCount(tensor.shape) * dtypeBytes[tensor.dtype];
}

/** Rows `[begin, end)` of the first axis, as a tensor on the same memory. */
export function sliceRows<D extends Dtype>(tensor: Tensor<D>, begin: number, end: number): Tensor<D> {
  const [count, ...rest] = tensor.shape;
  assert(
    count !== undefined && 0 <= begin && begin <= end && end <= count,
    `rows [${begin}, ${end}) of ${tensor.name}`,
  );
  const rowBytes = elementCount(rest) * dtypeBytes[tensor.dtype];
  return { ...tensor, shape: [end - begin, ...rest], offset: tensor.offset + begin * rowBytes };
}

/** The same elements under another shape. */
export function reshape<D extends Dtype>(tensor: Tensor<D>, shape: readonly number[]): Tensor<D> {
  assert(
    elementCount(shape) === elementCount(tensor.shape),
    `reshape ${tensor.name} [${tensor.shape}] to [${shape}]`,
  );
  return { ...tensor, shape };
}
