import type { Dtype } from "../../src/base/dtype.ts";
import type { Recorder } from "../../src/gpu/recorder.ts";
import type { Tensor } from "../../src/gpu/tensor.ts";

/** A tensor of a row: filled with small pseudo-random numbers, or with `data`. */
export interface BenchTensor<D extends Dtype = Dtype> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data?: ArrayBufferView;
}

type BenchTensors = Readonly<Record<string, BenchTensor>>;

/** One line of the bench: an operation at one size, and what it must move or compute at least. */
export interface BenchRow {
  readonly op: string;
  readonly shape: string;
  /** Of the weights, or of the activations where there are none. */
  readonly dtype: Dtype;
  /** Bytes that must be read and written, for GB/s; and floating-point operations, for GFLOP/s. One of the two. */
  readonly bytes?: number;
  readonly flops?: number;
  readonly tensors: BenchTensors;
  record(cmd: Recorder, tensors: Readonly<Record<string, Tensor>>): void;
}

/** Checks that `record` uses the tensors as they are declared, then forgets their types. */
export function benchRow<const T extends BenchTensors>(
  row: Omit<BenchRow, "tensors" | "record"> & {
    readonly tensors: T;
    readonly record: (cmd: Recorder, tensors: { readonly [N in keyof T]: Tensor<T[N]["dtype"]> }) => void;
  },
): BenchRow {
  return row as BenchRow;
}
