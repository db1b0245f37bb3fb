import { type Dtype, dtypeBytes } from "../base/dtype.ts";

/** Element types that may stand in a file. Only those that are also a `Dtype` can go to the device. */
export type FileDtype = Dtype | "bool" | "i8" | "f8_e4m3" | "f8_e5m2" | "i16" | "u16" | "i64" | "u64" | "f64";

/** Bytes of one element in a file. */
export const fileDtypeBytes: Readonly<Record<FileDtype, number>> = {
  ...dtypeBytes,
  bool: 1,
  i8: 1,
  f8_e4m3: 1,
  f8_e5m2: 1,
  i16: 2,
  u16: 2,
  i64: 8,
  u64: 8,
  f64: 8,
};

/** One tensor of a model directory, by the name that its file gives it. */
export interface TensorInfo<D extends FileDtype = Dtype> {
  readonly name: string;
  readonly dtype: D;
  readonly shape: readonly number[];
  /** `elementCount(shape) * fileDtypeBytes[dtype]`. */
  readonly bytes: number;
  /** Path of the file that holds it. */
  readonly file: string;
}

/**
 * Named tensors that are read by position, never mapped: a mapped file that somebody truncates ends the
 * process, a positional read returns short and becomes a `ModelError`.
 */
export interface WeightSource<D extends FileDtype = Dtype> {
  readonly tensors: ReadonlyMap<string, TensorInfo<D>>;
  /**
   * Fills `target` with bytes `[byteOffset, byteOffset + target.length)` of a tensor. The target may be a
   * view of staging memory or of an arena's mapped memory: the system call writes there, nothing is copied
   * twice.
   *
   * @throws {ModelError} If the file ends early or cannot be read.
   */
  readInto(info: TensorInfo<D>, byteOffset: number, target: Uint8Array): void;
  /**
   * Reads a whole tensor, or a range of it, into fresh memory. For small tensors.
   *
   * @throws {ModelError} As `readInto`.
   */
  read(info: TensorInfo<D>, byteOffset?: number, byteLength?: number): Uint8Array<ArrayBuffer>;
  /**
   * Begins to fill mapped device memory as `readInto` does; on threads of its own, if the file is on disk. The
   * memory must stay until `settle` has returned.
   */
  readLater(info: TensorInfo<D>, byteOffset: number, target: Uint8Array): void;
  /**
   * Waits until everything that was begun is there.
   *
   * @throws {ModelError} As `readInto`.
   */
  settle(): void;
  /** Releases the files and the threads. Safe to call twice. */
  close(): void;
}
