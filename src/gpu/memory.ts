import { pack } from "../../ffi/struct.ts";
import { check } from "../../ffi/vulkan.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import { assert } from "../base/assert.ts";
import { type Dtype, dtypeBytes, elementCount } from "../base/dtype.ts";
import { DeviceError } from "../base/errors.ts";
import { Allocation } from "./allocation.ts";
import { BlockLayout } from "./block_layout.ts";
import { runOnce } from "./command_buffer.ts";
import type { Device } from "./device.ts";
import { hostAllocation, HostPages } from "./host_pages.ts";
import { bufferUsage, type Placement } from "./memory_type.ts";
import { type Tensor, tensorBytes } from "./tensor.ts";

export type { Placement } from "./memory_type.ts";

/** The largest offset alignment that Vulkan lets a device ask for. */
const alignment = 256;
/** An array over mapped memory ends at 4 GiB, and so do 32-bit shader indices; half of that is safe for both. */
const longestBlock = 2 ** 31;

/** A buffer with its own memory, zero-filled unless told otherwise, and mapped as long as it lives where the host can see it. */
export class GpuBuffer {
  readonly handle: bigint;
  readonly bytes: number;
  readonly #device: Device;
  readonly #allocation: Allocation | undefined;
  #disposed = false;

  /** @throws {DeviceError} If the device has not that much memory left. */
  constructor(device: Device, name: string, bytes: number, placement: Placement, zeroed = true) {
    this.#device = device;
    this.bytes = roundUp(Math.max(bytes, 1), alignment);
    const inHostPages = device.physical.hostPages && HostPages.worthwhile(this.bytes);
    this.handle = device.create("vkCreateBuffer", vk.VkBufferCreateInfo, {
      pNext: inHostPages ? pack(vk.VkExternalMemoryBufferCreateInfo, { handleTypes: hostAllocation }) : null,
      size: this.bytes,
      usage: bufferUsage,
    });
    try {
      const { vkBindBufferMemory: bind, vkCmdFillBuffer: fill } = device.commands;
      const bare = { name, handle: this.handle, bytes: this.bytes, inHostPages };
      const allocation = this.#allocation = new Allocation(device, bare, placement);
      check(bind(device.handle, this.handle, allocation.memory, 0), "vkBindBufferMemory");
      if (zeroed && !allocation.isZero) {
        runOnce(device, (commandBuffer) => fill(commandBuffer, this.handle, 0, this.bytes, 0));
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /**
   * Mapped bytes. The array becomes empty when the buffer is disposed.
   *
   * @throws {TypeError} If the memory is not mapped.
   */
  view(offset: number, byteLength: number): Uint8Array {
    const mapped = this.#allocation?.mapped;
    if (!mapped) {
      throw new TypeError("Cannot view this buffer: its memory is the device's own and not mapped");
    }
    return mapped.subarray(offset, offset + byteLength);
  }

  /** Whether the host sees the memory. */
  get mapped(): boolean {
    return this.#allocation?.mapped !== undefined;
  }

  /** Whether the memory is gone, and with it every tensor on it. */
  get disposed(): boolean {
    return this.#disposed;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const { commands, handle, queue } = this.#device;
    queue.settle();
    // Ignores a null handle, which is what a constructor that failed half-way leaves.
    commands.vkDestroyBuffer(handle, this.handle, null);
    this.#allocation?.free();
  }
}

/** A dtype and a shape: what a tensor needs of memory. */
export interface TensorSpec {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** Bytes that an arena needs for these tensors, alignment included. */
export function planBytes(tensors: readonly TensorSpec[]): number {
  return tensors.reduce((sum, spec) => sum + alignedBytes(spec), 0);
}

/**
 * Memory that is given out once and freed together. An arena that fits into one allocation is allocated at once.
 * A larger one consists of blocks (`block_layout.ts`), which are allocated when a tensor needs them; a tensor lies
 * in one of them, and a little stays free at their ends.
 *
 * All tensors start at multiples of 256 bytes and are zero, unless the arena is made for what is filled at once.
 */
export class Arena {
  readonly #device: Device;
  /** By block of the layout. */
  readonly #buffers: GpuBuffer[] = [];
  readonly #layout: BlockLayout;
  readonly #blockLimit: number;
  /** Whether its memory was zeros; otherwise what is read before it is written is anything. */
  readonly zeroed: boolean;
  #used = 0;
  #disposed = false;

  /**
   * @param bytes What the tensors will need, from `planBytes`
   * @throws {DeviceError} If the device has not that much memory left.
   */
  constructor(
    device: Device,
    readonly name: string,
    readonly bytes: number,
    readonly placement: Placement,
    { zeroed = true }: { readonly zeroed?: boolean } = {},
  ) {
    this.#device = device;
    this.zeroed = zeroed;
    this.#blockLimit = Math.min(roundDown(device.limits.maxAllocationBytes, alignment), longestBlock);
    this.#layout = new BlockLayout(bytes, this.#blockLimit);
    this.#layout.blockBytes.forEach((_, block) => this.#buffer(block));
  }

  /**
   * Takes the next free memory.
   *
   * @throws {DeviceError} If the arena is full, or the tensor is longer than one allocation of the device.
   */
  tensor<D extends Dtype>(name: string, dtype: D, shape: readonly number[]): Tensor<D> {
    assert(!this.#disposed, `${this.name} is disposed`);
    const needed = alignedBytes({ dtype, shape });
    if (this.#used + needed > this.bytes) {
      throw new DeviceError(
        `Cannot place ${name} in the arena "${this.name}": need ${needed} bytes, have ${
          this.bytes - this.#used
        }`,
        "This is a fault in the memory plan: please report it with the model and the options used",
      );
    }
    if (needed > this.#blockLimit) {
      throw new DeviceError(
        `Cannot place ${name}: it needs ${needed} bytes in one piece, the device allocates at most ${this.#blockLimit}`,
        "Use a device or a driver with a larger limit, or a smaller model",
      );
    }
    const { block, offset } = this.#layout.place(needed);
    this.#used += needed;
    return { name, dtype, shape: [...shape], buffer: this.#buffer(block), offset };
  }

  /**
   * The tensor's bytes as the host sees them. Write before a submission, read after waiting for it.
   *
   * @throws {TypeError} If the memory is not mapped.
   */
  view(tensor: Tensor): Uint8Array {
    this.#checkOwner(tensor);
    return tensor.buffer.view(tensor.offset, tensorBytes(tensor));
  }

  /** Bytes allocated on the device, ends left free included. */
  get allocatedBytes(): number {
    return this.#buffers.reduce((sum, buffer) => sum + buffer.bytes, 0);
  }

  /** Frees the memory, after what runs on the device has ended. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of this.#buffers) buffer.dispose();
  }

  #buffer(block: number): GpuBuffer {
    return this.#buffers[block] ??= new GpuBuffer(
      this.#device,
      this.name,
      this.#layout.blockBytes[block]!,
      this.placement,
      this.zeroed,
    );
  }

  #checkOwner(tensor: Tensor): void {
    assert(this.#buffers.includes(tensor.buffer), `${tensor.name} is not in ${this.name}`);
  }
}

function alignedBytes({ dtype, shape }: TensorSpec): number {
  return roundUp(elementCount(shape) * dtypeBytes[dtype], alignment);
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

function roundDown(value: number, multiple: number): number {
  return Math.floor(value / multiple) * multiple;
}
