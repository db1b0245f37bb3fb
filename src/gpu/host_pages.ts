import { platform } from "node:process";
import { mapLargePages, unmapPages } from "../../ffi/posix.ts";
import { VulkanError } from "../../ffi/vulkan.ts";
import { VkResult } from "../../ffi/vulkan.gen.ts";
import type { DeviceType } from "./device_info.ts";

/** Extension through which a device takes memory that the host has allocated. */
export const externalMemoryHost = "VK_EXT_external_memory_host";

/** What is imported is whole pages; none of a system's small ones is larger. */
const pageBytes = 65_536;
/** Less may hold no large page at all: one has 2 MiB as a rule, and what lies around it comes in small ones. */
const worthwhileBytes = 4 * 2 ** 20;

/**
 * Whether allocations of a device should lie in pages of our own: see `docs/decisions/large_pages.md`. A driver with a
 * single type of memory has no other that it could ask for imported pages, which saves the question.
 */
export function takesHostPages(
  type: DeviceType,
  extensions: ReadonlySet<string>,
  memoryTypes: number,
): boolean {
  return platform === "linux" && type === "cpu" && memoryTypes === 1 && extensions.has(externalMemoryHost);
}

/** Memory of this process in large pages, zero-filled, taken from the system page by page when it is touched. */
export class HostPages {
  private constructor(readonly address: number, readonly bytes: number) {}

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
    if (address === undefined) throw new VulkanError("mmap", VkResult.VK_ERROR_OUT_OF_HOST_MEMORY);
    return new HostPages(address, rounded);
  }

  /** Call once, when nothing looks at the memory any more. */
  free(): void {
    unmapPages(this.address, this.bytes);
  }
}
