import { type Dtype, dtypeBytes, elementCount } from "../base/dtype.ts";
import { DeviceError } from "../base/errors.ts";
import type { Device } from "../gpu/device.ts";
import { Arena, planBytes } from "../gpu/memory.ts";
import { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";

type ArrayOf<D extends Dtype> = D extends "f32" ? Float32Array : D extends "u32" ? Uint32Array : Uint8Array;

/** A tensor of a run. Without `data` it is an output: full of NaN (all bits set) before the run. */
export interface TensorSpec<D extends Dtype = Dtype> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data?: ArrayBufferView;
  /** The op updates `data` in place; otherwise the run fails if a single byte of it changes. */
  readonly inPlace?: boolean;
}

export type Specs = Record<string, TensorSpec>;
export type TensorsOf<S extends Specs> = { readonly [N in keyof S]: Tensor<S[N]["dtype"]> };
export type ArraysOf<S extends Specs> = { readonly [N in keyof S]: ArrayOf<S[N]["dtype"]> };

const POISON = 0xff;
const guardSpec = { dtype: "u32", shape: [64] } as const;

/**
 * Records an op on fresh tensors, runs it once and returns what the tensors hold then. Every tensor lies between
 * guards.
 *
 * @throws {DeviceError} If a byte changed that is no output's.
 */
export function runOp<const S extends Specs>(
  device: Device,
  specs: S,
  record: (cmd: Recorder, tensors: TensorsOf<S>) => void,
): ArraysOf<S> {
  const names = Object.keys(specs);
  const plan = [guardSpec, ...names.flatMap((name) => [specs[name]!, guardSpec])];
  const arena = new Arena(device, "one operation", planBytes(plan), "shared");
  try {
    const guards = [placeGuard(arena)];
    const tensors: Record<string, Tensor> = {};
    for (const name of names) {
      const { dtype, shape, data } = specs[name]!;
      const tensor = arena.tensor(name, dtype, shape);
      tensors[name] = tensor;
      if (data === undefined) arena.view(tensor).fill(POISON);
      else arena.view(tensor).set(bytesOf(data));
      guards.push(placeGuard(arena));
    }
    runOnce(device, (cmd) => record(cmd, tensors as TensorsOf<S>));
    const hit = guards.findIndex((guard) => !arena.view(guard).every((byte) => byte === POISON));
    if (hit !== -1) throw strayWrite(hit === 0 ? `before "${names[0]}"` : `behind "${names[hit - 1]}"`);
    for (const name of names) {
      const { data, inPlace } = specs[name]!;
      if (data === undefined || inPlace) continue;
      if (Buffer.compare(arena.view(tensors[name]!), bytesOf(data)) !== 0) throw strayWrite(`into "${name}"`);
    }
    const arrays = names.map((name) => [name, copyOut(specs[name]!, arena.view(tensors[name]!))]);
    return Object.fromEntries(arrays);
  } finally {
    arena.dispose();
  }
}

function placeGuard(arena: Arena): Tensor {
  const guard = arena.tensor("guard", guardSpec.dtype, guardSpec.shape);
  arena.view(guard).fill(POISON);
  return guard;
}

function strayWrite(place: string): DeviceError {
  return new DeviceError(`The kernel must write its outputs only, it wrote ${place}`);
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
