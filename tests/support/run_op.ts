import { expect } from "bun:test";
import { type Dtype, dtypeBytes, elementCount } from "../../src/base/dtype.ts";
import type { Device } from "../../src/gpu/device.ts";
import { Arena, planBytes } from "../../src/gpu/memory.ts";
import { Recorder } from "../../src/gpu/recorder.ts";
import type { Tensor } from "../../src/gpu/tensor.ts";

type ArrayOf<D extends Dtype> = D extends "f32" ? Float32Array : D extends "u32" ? Uint32Array : Uint8Array;

/** A tensor of a test. Without `data` it is an output: full of NaN (all bits set) before the run. */
export interface TensorSpec<D extends Dtype = Dtype> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data?: ArrayBufferView;
  /** The op updates `data` in place; otherwise the run fails if a single byte of it changes. */
  readonly inPlace?: boolean;
}

type Specs = Record<string, TensorSpec>;
type TensorsOf<S extends Specs> = { readonly [N in keyof S]: Tensor<S[N]["dtype"]> };
export type ArraysOf<S extends Specs> = { readonly [N in keyof S]: ArrayOf<S[N]["dtype"]> };

const POISON = 0xff;
const guardShape = [64];

/**
 * Records an op on fresh tensors, runs it once and returns what the tensors hold then. Every tensor lies between
 * guards; a write outside the outputs fails the test.
 */
export function runOp<const S extends Specs>(
  device: Device,
  specs: S,
  record: (cmd: Recorder, tensors: TensorsOf<S>) => void,
): ArraysOf<S> {
  const guard = { dtype: "u32", shape: guardShape } as const;
  const names = Object.keys(specs);
  const plan = [guard, ...names.flatMap((name) => [specs[name]!, guard])];
  const arena = new Arena(device, "test", planBytes(plan), "shared");
  try {
    const guards = [arena.tensor("guard", guard.dtype, guard.shape)];
    const tensors: Record<string, Tensor> = {};
    for (const name of names) {
      const { dtype, shape, data } = specs[name]!;
      const tensor = arena.tensor(name, dtype, shape);
      tensors[name] = tensor;
      if (data === undefined) arena.view(tensor).fill(POISON);
      else arena.view(tensor).set(bytesOf(data));
      guards.push(arena.tensor("guard", guard.dtype, guard.shape));
    }
    for (const tensor of guards) arena.view(tensor).fill(POISON);
    runOnce(device, (cmd) => record(cmd, tensors as TensorsOf<S>));
    for (const tensor of guards) expect(arena.view(tensor).every((byte) => byte === POISON)).toBe(true);
    for (const name of names) {
      const { data, inPlace } = specs[name]!;
      if (data === undefined || inPlace) continue;
      expect(Buffer.compare(arena.view(tensors[name]!), bytesOf(data)), `"${name}" is unchanged`).toBe(0);
    }
    const arrays = names.map((name) => [name, copyOut(specs[name]!, arena.view(tensors[name]!))]);
    return Object.fromEntries(arrays);
  } finally {
    arena.dispose();
  }
}

function runOnce(device: Device, record: (cmd: Recorder) => void): void {
  const cmd = new Recorder(device);
  record(cmd);
  const recording = cmd.finish();
  device.queue.run(recording);
  recording.dispose();
}

function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function copyOut({ dtype, shape }: TensorSpec, view: Uint8Array): Float32Array | Uint32Array | Uint8Array {
  const bytes = view.slice(0, elementCount(shape) * dtypeBytes[dtype]);
  if (dtype === "f32") return new Float32Array(bytes.buffer);
  return dtype === "u32" ? new Uint32Array(bytes.buffer) : bytes;
}
