import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { platform } from "node:process";
import { addressOf, type FieldValues, unpack } from "../../ffi/struct.ts";
import { VulkanError } from "../../ffi/vulkan.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import { type Pointer, toArrayBuffer } from "bun:ffi";
import type { Device } from "../../src/gpu/device.ts";
import type { Instance } from "../../src/gpu/instance.ts";
import { Arena } from "../../src/gpu/memory.ts";
import { type Candidate, HostPages, takesHostPages } from "../../src/gpu/host_pages.ts";
import { openTestDevice } from "../support/gpu.ts";
import { overrideDevice } from "../support/limited_device.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

const device = openTestDevice();

const large = 40 * 2 ** 20;
const extension = new Set(["VK_EXT_external_memory_host"]);

/** What a driver answers to the two questions. */
function driver(features: number, alignment: number): Pick<Instance, "commands"> {
  const answers = {
    vkGetPhysicalDeviceExternalBufferProperties: (_: bigint, __: Uint8Array, out: Uint8Array) =>
      new DataView(out.buffer).setUint32(16, features, true),
    vkGetPhysicalDeviceProperties2: (_: bigint, out: Uint8Array) => {
      const { pNext } = unpack(vk.VkPhysicalDeviceProperties2, out);
      new DataView(toArrayBuffer(pNext as Pointer, 0, 24)).setBigUint64(16, BigInt(alignment), true);
    },
  };
  return { commands: answers as unknown as Instance["commands"] };
}

describe("takesHostPages()", () => {
  const able = driver(vk.VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT, 4096);
  const candidate = { handle: 0n, type: "cpu", extensions: extension, memoryTypes: 1 } as const;
  test.each<[string, Pick<Instance, "commands">, Candidate, boolean]>([
    ["a CPU driver that imports, with one type of memory", able, candidate, platform === "linux"],
    ["a CPU driver without the extension", able, { ...candidate, extensions: new Set() }, false],
    ["a CPU driver that cannot import for our buffers", driver(0, 4096), candidate, false],
    ["a CPU driver that wants more than a page", driver(4, 65_536), candidate, false],
    ["a CPU driver that has to be asked which type", able, { ...candidate, memoryTypes: 2 }, false],
    ["a card", able, { ...candidate, type: "discrete" }, false],
    ["a card in the processor", able, { ...candidate, type: "integrated" }, false],
  ])("%s", (_, instance, asked, expected) => {
    expect(takesHostPages(instance, asked)).toBe(expected);
  });

  const isMesa = device.info.driverName === "llvmpipe" && platform === "linux";
  test.if(isMesa)("Mesa's CPU driver, as it is installed", () => {
    expect(device.physical.hostPages).toBe(true);
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

  /** The device, answering an import with an error; tells where the memory lies that it was to take. */
  function refusing(error: number, addresses: number[]): Device {
    const create: Device["create"] = (command, layout, values) => {
      const { pNext } = values as FieldValues<typeof vk.VkMemoryAllocateInfo>;
      if (command !== "vkAllocateMemory" || pNext === null) return device.create(command, layout, values);
      const { pHostPointer } = unpack(vk.VkImportMemoryHostPointerInfoEXT, pNext as Uint8Array);
      expect(mappingFlags(pHostPointer)).toContain(wantsLargePages);
      addresses.push(pHostPointer);
      throw new VulkanError(command, error);
    };
    return overrideDevice(device, { create });
  }

  test("that the device has no room for gives it back too", () => {
    const addresses: number[] = [];
    const full = refusing(vk.VkResult.VK_ERROR_OUT_OF_DEVICE_MEMORY, addresses);
    expect(() => new Arena(full, "weights", large, "device")).toThrow('Cannot allocate "weights"');
    expect(addresses.length).toBe(1);
    expect(mappingFlags(addresses[0]!)).not.toContain(wantsLargePages);
  });

  test("that the device cannot import is the driver's own, and zeroed", () => {
    const addresses: number[] = [];
    const unwilling = refusing(vk.VkResult.VK_ERROR_INVALID_EXTERNAL_HANDLE, addresses);
    const arena = new Arena(unwilling, "weights", large, "device");
    const view = arena.view(arena.tensor("w", "u8", [large]));
    expect(mappingFlags(addressOf(view))).not.toContain(wantsLargePages);
    expect(mappingFlags(addresses[0]!)).not.toContain(wantsLargePages);
    expect(view.every((byte) => byte === 0)).toBe(true);
    arena.dispose();
  });

  test("is there until the driver has let go of it", () => {
    const { vkFreeMemory, vkBindBufferMemory } = device.commands;
    let address = 0;
    let flags: string[] = [];
    const commands = Object.create(device.commands, {
      vkFreeMemory: {
        value: (...args: Parameters<typeof vkFreeMemory>) => {
          flags = mappingFlags(address);
          return vkFreeMemory(...args);
        },
      },
    });
    const arena = new Arena(overrideDevice(device, { commands }), "weights", large, "device");
    address = addressOf(arena.view(arena.tensor("w", "u8", [large])));
    arena.dispose();
    expect(flags).toContain(wantsLargePages);
    // And where a later step of taking it fails.
    const addresses: number[] = [];
    const create: Device["create"] = (command, layout, values) => {
      const { pNext } = values as FieldValues<typeof vk.VkMemoryAllocateInfo>;
      if (command === "vkAllocateMemory") {
        addresses.push(unpack(vk.VkImportMemoryHostPointerInfoEXT, pNext as Uint8Array).pHostPointer);
      }
      return device.create(command, layout, values);
    };
    const failing = Object.create(device.commands, {
      vkBindBufferMemory: {
        value: (...args: Parameters<typeof vkBindBufferMemory>) =>
          Math.min(vkBindBufferMemory(...args), vk.VkResult.VK_ERROR_DEVICE_LOST),
      },
    });
    const broken = overrideDevice(device, { create, commands: failing });
    expect(() => new Arena(broken, "weights", large, "device")).toThrow("VK_ERROR_DEVICE_LOST");
    expect(addresses.map(mappingFlags)).toEqual([[]]);
  });

  test("a small one is the driver's own", () => {
    const arena = new Arena(device, "step", 2 ** 20, "device");
    expect(mappingFlags(addressOf(arena.view(arena.tensor("x", "u8", [2 ** 20])))))
      .not.toContain(wantsLargePages);
    arena.dispose();
  });
});

test.if(platform === "linux")(
  "HostPages.take() says it as a driver does when the system gives no more",
  () => {
    const beyondAddresses = 2 ** 60;
    expect(() => HostPages.take(beyondAddresses)).toThrow("mmap returned VK_ERROR_OUT_OF_HOST_MEMORY");
  },
);
