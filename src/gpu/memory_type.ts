import {
  VK_BUFFER_USAGE_STORAGE_BUFFER_BIT as storage,
  VK_BUFFER_USAGE_TRANSFER_DST_BIT as copiedTo,
  VK_BUFFER_USAGE_TRANSFER_SRC_BIT as copiedFrom,
  VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT as deviceLocal,
  VK_MEMORY_PROPERTY_HOST_CACHED_BIT as hostCached,
  VK_MEMORY_PROPERTY_HOST_COHERENT_BIT as hostCoherent,
  VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT as hostVisible,
} from "../../ffi/vulkan.gen.ts";
import type { Heap, MemoryType } from "./device_info.ts";

/**
 * Where memory should be.
 *
 * | placement | memory                                                                                      |
 * | --------- | ------------------------------------------------------------------------------------------- |
 * | device    | the device's biggest own heap; mapped too where that is the host's memory                   |
 * | shared    | mapped, for what the host writes each step; on the device only where it maps a large part   |
 * | upload    | mapped and the host's own, written once in order and copied from: staging                   |
 * | readback  | mapped and cached by the host, for results                                                  |
 */
export type Placement = "device" | "shared" | "upload" | "readback";

/** What every buffer may be used for. */
export const bufferUsage = storage | copiedFrom | copiedTo;

const mapped = hostVisible | hostCoherent;

/**
 * Picks a memory type by the size of its heap, not by flags alone: on cards that map only a 256 MiB window
 * of their memory, whatever takes "device-local and host-visible" literally lands in that window.
 *
 * @param allowed Bit mask of type indices, from the buffer's memory requirements
 * @returns The type, or `undefined` when the device has none that fits.
 */
export function chooseMemoryType(
  types: readonly MemoryType[],
  heaps: readonly Heap[],
  allowed: number,
  placement: Placement,
  unifiedMemory: boolean,
): MemoryType | undefined {
  const candidates = types.filter((type) => allowed >>> type.index & 1);
  const biggest = Math.max(0, ...heaps.filter((heap) => heap.deviceLocal).map((heap) => heap.bytes));
  const bytes = (type: MemoryType): number => heaps[type.heap]!.bytes;
  const find = (
    flags: number,
    condition: (type: MemoryType) => boolean = () => true,
  ): MemoryType | undefined =>
    candidates.filter((type) => (type.flags & flags) === flags && condition(type))
      .toSorted((a, b) => bytes(b) - bytes(a))[0];
  const isLarge = (type: MemoryType): boolean => bytes(type) * 2 >= biggest;
  const isHost = (type: MemoryType): boolean => (type.flags & deviceLocal) === 0;
  switch (placement) {
    case "device":
      return (unifiedMemory ? find(deviceLocal | mapped, isLarge) : undefined) ?? find(deviceLocal) ??
        find(0);
    case "shared":
      return find(deviceLocal | mapped, isLarge) ?? find(mapped, isHost) ?? find(mapped);
    case "upload":
      return find(mapped, isHost) ?? find(mapped);
    case "readback":
      return find(mapped | hostCached) ?? find(mapped);
  }
}
