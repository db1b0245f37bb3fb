import { viewMemory } from "../../ffi/posix.ts";
import { blank, handles, pack, unpack } from "../../ffi/struct.ts";
import { check, VulkanError } from "../../ffi/vulkan.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import { DeviceError } from "../base/errors.ts";
import type { Device } from "./device.ts";
import { hostAllocation, HostPages } from "./host_pages.ts";
import { chooseMemoryType, type Placement } from "./memory_type.ts";

/** A buffer that has no memory yet. */
interface BareBuffer {
  readonly name: string;
  readonly handle: bigint;
  readonly bytes: number;
  /** Whether it was created to lie in memory of the host. */
  readonly inHostPages: boolean;
}

/** Memory of one buffer, mapped as long as it lives where the host can see it. */
export class Allocation {
  readonly memory: bigint = 0n;
  /** The buffer's bytes; empty once the memory is freed. */
  readonly mapped: Uint8Array | undefined;
  readonly #device: Device;
  #pages: HostPages | undefined;

  /** @throws {DeviceError} If the device has not that much memory left. */
  constructor(device: Device, buffer: BareBuffer, placement: Placement) {
    this.#device = device;
    const out = blank(vk.VkMemoryRequirements);
    device.commands.vkGetBufferMemoryRequirements(device.handle, buffer.handle, out);
    const { size, memoryTypeBits } = unpack(vk.VkMemoryRequirements, out);
    const { info, physical } = device;
    const unified = info.unifiedMemory;
    const type = chooseMemoryType(physical.memoryTypes, info.heaps, memoryTypeBits, placement, unified);
    if (!type) {
      throw new DeviceError(
        `Cannot allocate "${buffer.name}": "${info.name}" has no memory of kind "${placement}"`,
        "Use another device or a newer driver",
      );
    }
    try {
      if (buffer.inHostPages) this.#pages = HostPages.take(Number(size));
      this.memory = this.#allocate(size, type.index);
      const mapWanted = placement !== "device" || unified;
      const visible = (type.flags & vk.VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) !== 0;
      const coherent = (type.flags & vk.VK_MEMORY_PROPERTY_HOST_COHERENT_BIT) !== 0;
      if (mapWanted && visible && coherent) this.mapped = mapMemory(device, this.memory, buffer.bytes);
    } catch (error) {
      this.free();
      throw outOfMemory(error, buffer, info.heaps[type.heap]!.bytes, info.name);
    }
  }

  /** Whether all bytes are known to be zero. */
  get isZero(): boolean {
    return this.#pages !== undefined;
  }

  /** Call once, when the device no longer uses the memory. */
  free(): void {
    const { commands, handle } = this.#device;
    if (this.mapped) {
      // Detaches every array over the mapping, so that a late access finds nothing instead of crashing.
      (this.mapped.buffer as ArrayBuffer).transfer();
      commands.vkUnmapMemory(handle, this.memory);
    }
    // Ignores a null handle, which is what a constructor that failed half-way leaves.
    commands.vkFreeMemory(handle, this.memory, null);
    this.#pages?.free();
  }

  /** Imports the pages, if there are any; where the device does not take them, its memory is the driver's own. */
  #allocate(size: bigint, memoryTypeIndex: number): bigint {
    const { address, bytes } = this.#pages ?? {};
    try {
      return this.#device.create("vkAllocateMemory", vk.VkMemoryAllocateInfo, {
        pNext: address === undefined ? null : pack(vk.VkImportMemoryHostPointerInfoEXT, {
          handleType: hostAllocation,
          pHostPointer: address,
        }),
        allocationSize: bytes ?? size,
        memoryTypeIndex,
      });
    } catch (error) {
      const { VK_ERROR_INVALID_EXTERNAL_HANDLE } = vk.VkResult;
      const refused = error instanceof VulkanError && error.result === VK_ERROR_INVALID_EXTERNAL_HANDLE;
      if (!refused || !this.#pages) throw error;
      this.#pages.free();
      this.#pages = undefined;
      return this.#allocate(size, memoryTypeIndex);
    }
  }
}

function mapMemory(device: Device, memory: bigint, bytes: number): Uint8Array {
  const out = handles(1);
  const wholeSize = 0xffff_ffff_ffff_ffffn;
  check(device.commands.vkMapMemory(device.handle, memory, 0, wholeSize, 0, out), "vkMapMemory");
  return viewMemory(Number(out[0]!), bytes);
}

function outOfMemory(
  error: unknown,
  { name, bytes }: BareBuffer,
  heapBytes: number,
  device: string,
): unknown {
  const { VK_ERROR_OUT_OF_DEVICE_MEMORY, VK_ERROR_OUT_OF_HOST_MEMORY } = vk.VkResult;
  const codes: number[] = [VK_ERROR_OUT_OF_DEVICE_MEMORY, VK_ERROR_OUT_OF_HOST_MEMORY];
  if (!(error instanceof VulkanError) || !codes.includes(error.result)) return error;
  return new DeviceError(
    `Cannot allocate "${name}" on "${device}": need ${bytes} bytes, its memory has ${heapBytes} in all, part of it in use`,
    "Close other programs that use the device, shorten the context, or choose a device with more memory",
    { cause: error },
  );
}
