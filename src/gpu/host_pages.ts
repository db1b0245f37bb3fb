import { platform } from "node:process";
import { mapLargePages, unmapPages } from "../../ffi/posix.ts";
import { blank, pack, unpack } from "../../ffi/struct.ts";
import { VulkanError } from "../../ffi/vulkan.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import type { DeviceType } from "./device_info.ts";
import type { Instance } from "./instance.ts";
import { bufferUsage } from "./memory_type.ts";

/** Extension through which a device takes memory that the host has allocated. */
export const externalMemoryHost = "VK_EXT_external_memory_host";
/** What a buffer has to be created with to lie in memory of the host. */
export const hostAllocation = vk.VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;

/** The smallest page of a system: memory begins and ends at multiples of it. */
const pageBytes = 4096;
/** Less may hold no large page at all: one has 2 MiB as a rule, and what lies around it comes in small ones. */
const worthwhileBytes = 4 * 2 ** 20;

/** A physical device, as far as it decides about its memory. */
export interface Candidate {
  readonly handle: bigint;
  readonly type: DeviceType;
  readonly extensions: ReadonlySet<string>;
  readonly memoryTypes: number;
}

/**
 * Whether allocations of a device should lie in pages of our own: see `docs/decisions/large_pages.md`. A driver with a
 * single type of memory has no other for imported pages, which saves to ask for each of them.
 */
export function takesHostPages(
  { commands }: Pick<Instance, "commands">,
  { handle, type, extensions, memoryTypes }: Candidate,
): boolean {
  if (platform !== "linux" || type !== "cpu" || memoryTypes !== 1) return false;
  if (!extensions.has(externalMemoryHost)) return false;
  const info = pack(vk.VkPhysicalDeviceExternalBufferInfo, {
    usage: bufferUsage,
    handleType: hostAllocation,
  });
  const buffer = blank(vk.VkExternalBufferProperties);
  commands.vkGetPhysicalDeviceExternalBufferProperties(handle, info, buffer);
  const host = blank(vk.VkPhysicalDeviceExternalMemoryHostPropertiesEXT);
  commands.vkGetPhysicalDeviceProperties2(handle, blank(vk.VkPhysicalDeviceProperties2, 1, host));
  const { externalMemoryFeatures } = unpack(vk.VkExternalBufferProperties, buffer).externalMemoryProperties;
  const alignment = unpack(vk.VkPhysicalDeviceExternalMemoryHostPropertiesEXT, host)
    .minImportedHostPointerAlignment;
  return (externalMemoryFeatures & vk.VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) !== 0 &&
    alignment <= pageBytes;
}

/** Memory of this process in large pages, zero-filled, taken from the system page by page when it is touched. */
export class HostPages {
  private constructor(readonly address: number, readonly bytes: number) {}

  /** Whether an allocation of so many bytes is better off here. */
  static worthwhile(bytes: number): boolean {
    return bytes >= worthwhileBytes;
  }

  /**
   * Takes at least so many bytes.
   *
   * @throws {VulkanError} If the system refuses: what a driver says that asks for memory itself.
   */
  static take(bytes: number): HostPages {
    const rounded = Math.ceil(bytes / pageBytes) * pageBytes;
    const address = mapLargePages(rounded);
    if (address === undefined) throw new VulkanError("mmap", vk.VkResult.VK_ERROR_OUT_OF_HOST_MEMORY);
    return new HostPages(address, rounded);
  }

  /** Call once, when nothing looks at the memory any more. */
  free(): void {
    unmapPages(this.address, this.bytes);
  }
}
