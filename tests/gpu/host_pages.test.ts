import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { platform } from "node:process";
import { addressOf, type FieldValues, unpack } from "../../ffi/struct.ts";
import { VulkanError } from "../../ffi/vulkan.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import type { Device } from "../../src/gpu/device.ts";
import { Arena } from "../../src/gpu/memory.ts";
import { takesHostPages } from "../../src/gpu/host_pages.ts";
import { openTestDevice } from "../support/gpu.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

const device = openTestDevice();

const large = 40 * 2 ** 20;
const extension = new Set(["VK_EXT_external_memory_host"]);

describe("takesHostPages()", () => {
  test.each(
    [
      ["a CPU driver that imports, with one type of memory", "cpu", extension, 1, platform === "linux"],
      ["a CPU driver that cannot import", "cpu", new Set<string>(), 1, false],
      ["a CPU driver that has to be asked which type", "cpu", extension, 2, false],
      ["a card", "discrete", extension, 1, false],
      ["a card in the processor", "integrated", extension, 1, false],
    ] as const,
  )("%s", (_, type, extensions, memoryTypes, expected) => {
    expect(takesHostPages(type, extensions, memoryTypes)).toBe(expected);
  });
});

/** Flags of the mapping of this process that an address lies in, as Linux tells them; none when it is not mapped. */
function mappingFlags(address: number): string[] {
  let inside = false;
  for (const line of readFileSync("/proc/self/smaps", "utf8").split("\n")) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (range) inside = parseInt(range[1]!, 16) <= address && address < parseInt(range[2]!, 16);
    else if (inside && line.startsWith("VmFlags:")) return line.split(/\s+/).slice(1);
  }
  return [];
}

/** The device as if its memory were full; tells where the memory lies that it is asked to take. */
function refuseMemory(device: Device, onAsked: (address: number) => void): Device {
  const create: Device["create"] = (command, layout, values) => {
    if (command !== "vkAllocateMemory") return device.create(command, layout, values);
    const { pNext } = values as FieldValues<typeof vk.VkMemoryAllocateInfo>;
    const { pHostPointer } = unpack(vk.VkImportMemoryHostPointerInfoEXT, pNext as Uint8Array);
    expect(mappingFlags(pHostPointer)).toContain(wantsLargePages);
    onAsked(pHostPointer);
    throw new VulkanError(command, vk.VkResult.VK_ERROR_OUT_OF_DEVICE_MEMORY);
  };
  return new Proxy(device, {
    get(target, key) {
      if (key === "create") return create;
      const member: unknown = Reflect.get(target, key, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

const wantsLargePages = "hg";

describe.if(device.physical.hostPages)("a large arena of a CPU driver", () => {
  test("lies in memory for which large pages were asked, zeroed, and gives it back", () => {
    const arena = new Arena(device, "weights", large, "device");
    const view = arena.view(arena.tensor("w", "u8", [large]));
    const middle = addressOf(view) + large / 2;
    expect(view.every((byte) => byte === 0)).toBe(true);
    expect(mappingFlags(middle)).toContain(wantsLargePages);
    arena.dispose();
    expect(mappingFlags(middle)).not.toContain(wantsLargePages);
    expect(view.byteLength).toBe(0);
  });

  test("that the device refuses gives it back too", () => {
    const addresses: number[] = [];
    const refusing = refuseMemory(device, (address) => addresses.push(address));
    expect(() => new Arena(refusing, "weights", large, "device")).toThrow('Cannot allocate "weights"');
    expect(addresses.length).toBe(1);
    expect(mappingFlags(addresses[0]!)).not.toContain(wantsLargePages);
  });

  test("a small one is the driver's own", () => {
    const arena = new Arena(device, "step", 2 ** 20, "device");
    expect(mappingFlags(addressOf(arena.view(arena.tensor("x", "u8", [2 ** 20])))))
      .not.toContain(wantsLargePages);
    arena.dispose();
  });
});
