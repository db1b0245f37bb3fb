import { allocate } from "../../ffi/struct.ts";
import { assert } from "../base/assert.ts";
import type { Dtype } from "../base/dtype.ts";
import type { Device, DeviceLimits } from "./device.ts";
import type { ByteAccess } from "./hazards.ts";
import type { BufferArg, Element, Kernel, ScalarArg } from "./kernel.ts";
import { bufferArgs, scalarArgs } from "./kernel_args.ts";
import type { GpuBuffer } from "./memory.ts";

import { type Tensor, tensorBytes } from "./tensor.ts";

/** Bytes of one element of a shader's array. */
export const elementBytes: Readonly<Record<Element, number>> = {
  f32: 4,
  f32x2: 8,
  f32x4: 16,
  u32: 4,
  words: 4,
  words2: 8,
  words4: 16,
};

/** A view that a dispatch binds. Without `access` it is the dummy, which needs no synchronization. */
export interface Bound {
  readonly buffer: GpuBuffer;
  readonly offset: number;
  readonly range: number;
  readonly access?: ByteAccess;
}

/** Checks the arguments of a dispatch against their declarations and turns buffers into views, in binding order. */
export function bindArguments(
  device: Device,
  kernel: Kernel,
  args: Readonly<Record<string, Tensor | number | undefined>>,
): Bound[] {
  for (const name in args) {
    if (!(name in kernel.args)) assert(false, `${kernel.shader} has no argument ${name}`);
  }
  return bufferArgs(kernel).map(([name, arg]) => {
    const value = args[name];
    if (typeof value === "number" || (value === undefined && !arg.optional)) {
      assert(false, `${kernel.shader}.${name} must be a tensor, have ${value}`);
    }
    if (value === undefined || tensorBytes(value) === 0) {
      return { buffer: device.dummy, offset: 0, range: device.dummy.bytes };
    }
    return bindTensor(device, kernel, name, arg, value);
  });
}

function bindTensor(device: Device, kernel: Kernel, name: string, arg: BufferArg, tensor: Tensor): Bound {
  const unit = elementBytes[arg.element];
  const range = Math.ceil(tensorBytes(tensor) / unit) * unit;
  const problem = findProblem(device.limits, arg, tensor, range);
  assert(problem === undefined, problem && `${kernel.shader}.${name}: ${tensor.name} ${problem}`);
  const { buffer, offset } = tensor;
  const access = {
    buffer,
    begin: offset,
    end: offset + range,
    reads: arg.access !== "write",
    writes: arg.access !== "read",
  };
  return { buffer, offset, range, access };
}

/** Why the tensor cannot be bound. A text is made only when there is a reason: recording is a hot path. */
function findProblem(
  limits: DeviceLimits,
  arg: BufferArg,
  tensor: Tensor,
  range: number,
): string | undefined {
  const { buffer, offset, dtype } = tensor;
  const { maxStorageBufferRange, storageAlignment } = limits;
  if (buffer.disposed) return "lies in an arena that is gone";
  if (!acceptsDtype(arg.element, dtype)) return `is ${dtype}, the shader reads ${arg.element}`;
  if (offset % storageAlignment !== 0) return `starts at ${offset}, not a multiple of ${storageAlignment}`;
  if (range > maxStorageBufferRange) return `spans ${range} bytes, a view at most ${maxStorageBufferRange}`;
  if (offset + range > buffer.bytes) return `ends beyond its buffer of ${buffer.bytes} bytes`;
  // Arenas pad tensors to 256 bytes, so reading a last whole element is safe; writing it would spoil what follows a slice.
  const bytes = tensorBytes(tensor);
  if (arg.access !== "read" && range !== bytes) return `of ${bytes} bytes is not whole ${arg.element}`;
  return undefined;
}

function acceptsDtype(element: Element, dtype: Dtype): boolean {
  switch (element) {
    case "f32":
    case "f32x2":
    case "f32x4":
      return dtype === "f32";
    case "u32":
      return dtype === "u32" || dtype === "i32";
    case "words":
    case "words2":
    case "words4":
      return true;
  }
}

/** The push-constant block: scalars of 4 bytes each, in order of declaration. */
export function packScalars(
  kernel: Kernel,
  args: Readonly<Record<string, Tensor | number | undefined>>,
): Uint8Array {
  const scalars = scalarArgs(kernel);
  const memory = allocate(scalars.length * 4);
  const view = new DataView(memory.buffer);
  scalars.forEach(([name, type], index) => {
    const value = args[name];
    if (typeof value !== "number" || !isScalar(type, value)) {
      assert(false, `${kernel.shader}.${name} must be of type ${type}, have ${value}`);
    }
    if (type === "f32") return view.setFloat32(index * 4, value, true);
    if (type === "u32") view.setUint32(index * 4, value, true);
    else view.setInt32(index * 4, value, true);
  });
  return memory;
}

function isScalar(type: ScalarArg, value: number): boolean {
  if (type === "f32") return true;
  return type === "u32" ? value === value >>> 0 : value === (value | 0);
}
