import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Intercept } from "../../ffi/library.ts";
import { VulkanError } from "../../ffi/vulkan.ts";
import { VkDeviceCreateInfo, VkPhysicalDeviceFeatures2, VkResult } from "../../ffi/vulkan.gen.ts";
import { viewMemory } from "../../ffi/posix.ts";
import { unpack } from "../../ffi/struct.ts";
import { DeviceError } from "../../src/base/errors.ts";
import { Device, type DeviceOptions, listDevices } from "../../src/gpu/device.ts";
import { DeviceLostError } from "../../src/gpu/errors.ts";
import { Arena } from "../../src/gpu/memory.ts";
import { PipelineCacheFile } from "../../src/gpu/pipeline_cache.ts";
import { Recorder } from "../../src/gpu/recorder.ts";
import { siluMul } from "../../src/ops/silu_mul.ts";
import { openTestDevice } from "../support/gpu.ts";
import { runGpuChild } from "../support/gpu_child.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const select = openTestDevice().info.name;

/** Opens a device of its own, runs one kernel on it, and disposes it. */
function runKernel(options: DeviceOptions = {}): void {
  using stack = new DisposableStack();
  const device = stack.adopt(Device.open({ select, ...options }), (it) => it.dispose());
  const arena = stack.adopt(new Arena(device, "test", 512, "shared"), (it) => it.dispose());
  const [gateUp, y] = [arena.tensor("gateUp", "f32", [1, 16]), arena.tensor("y", "f32", [1, 8])];
  const cmd = new Recorder(device);
  siluMul(cmd, gateUp, y);
  const recording = stack.adopt(cmd.finish(), (it) => it.dispose());
  device.queue.run(recording);
}

describe("Device.open()", () => {
  test("finds the device of the tests among those listed", () => {
    const listed = listDevices();
    expect(listed.map(({ name }) => name)).toContain(select);
    const found = listed.find(({ name }) => name === select)!;
    expect(found.missing).toEqual([]);
    expect(found.subgroupSize).toBeGreaterThanOrEqual(4);
    expect(found.heaps.some(({ bytes, deviceLocal }) => deviceLocal && bytes > 2 ** 28)).toBe(true);
  });

  test("says what to install when there is no loader", async () => {
    const { output } = await runGpuChild("open_device", [], { LLAMAV_VULKAN_LOADER: "libno_vulkan_here.so" });
    expect(output).toMatch(
      /^Cannot open the Vulkan loader .*libno_vulkan_here\.so.*\nInstall a Vulkan driver: .*apt install/,
    );
  });

  test("says what to install when there is no driver", async () => {
    using folder = new TemporaryFolder({ "none.json": "{}" });
    const icd = join(folder.path, "none.json");
    const { output } = await runGpuChild("open_device", [], { VK_ICD_FILENAMES: icd, VK_DRIVER_FILES: icd });
    expect(output).toMatch(
      /^Cannot start Vulkan: the loader found no driver that works\nInstall a Vulkan driver: /,
    );
  });

  test("names the devices there are when asked for another", () => {
    expect(() => Device.open({ select: "no such device" })).toThrow(DeviceError);
    expect(() => Device.open({ select: "no such device" })).toThrow(select);
  });
});

test.each([true, false])("shaders are kept within their views under validation only: %p", (validation) => {
  let robust: number | undefined;
  const intercept: Intercept = (name, call) => (...args) => {
    if (name === "vkCreateDevice") {
      const { pNext } = unpack(VkDeviceCreateInfo, args[1] as Uint8Array);
      const features = viewMemory(pNext, VkPhysicalDeviceFeatures2.size);
      robust = unpack(VkPhysicalDeviceFeatures2, features).features.robustBufferAccess;
    }
    return call(...args);
  };
  Device.open({ select, intercept, validation }).dispose();
  expect(robust).toBe(validation ? 1 : 0);
});

describe("a driver that lacks a command", () => {
  test.each([
    ["vkCreateDevice", ["vkDestroyInstance"]],
    ["vkCmdDispatch", ["vkDestroyDevice", "vkDestroyInstance"]],
  ])("%s is refused, and nothing is left behind", (missing, destroyed) => {
    const calls: string[] = [];
    const intercept: Intercept = (name, call) => {
      if (name === missing) throw new VulkanError(name, VkResult.VK_ERROR_EXTENSION_NOT_PRESENT);
      return (...args) => (calls.push(name), call(...args));
    };
    expect(() => Device.open({ select, intercept })).toThrow(VulkanError);
    expect(calls.filter((name) => name.startsWith("vkDestroy"))).toEqual(destroyed);
  });
});

describe("a lost device", () => {
  test.each(["vkQueueSubmit", "vkWaitSemaphores"])(
    "is reported by %s, and a new one can be opened",
    (command) => {
      let armed = false;
      const intercept: Intercept = (name, call) => (...args) =>
        armed && name === command ? VkResult.VK_ERROR_DEVICE_LOST : call(...args);
      using stack = new DisposableStack();
      const device = stack.adopt(Device.open({ select, intercept }), (it) => it.dispose());
      const recording = stack.adopt(new Recorder(device).finish(), (it) => it.dispose());
      armed = true;
      expect(() => device.queue.run(recording)).toThrow(DeviceLostError);
      armed = false;
      runKernel();
    },
  );
});

describe("the pipeline cache on disk", () => {
  test("is written, read back, and ignored when it is damaged", () => {
    using folder = new TemporaryFolder();
    const cacheDirectory = join(folder.path, "new/cache");
    runKernel({ cacheDirectory });
    const names = readdirSync(cacheDirectory);
    expect(names).toHaveLength(1);
    const path = join(cacheDirectory, names[0]!);
    const whole = readFileSync(path);
    const { info } = openTestDevice();
    const load = () => new PipelineCacheFile(cacheDirectory, info).load();
    expect(load()).toEqual(new Uint8Array(whole.subarray(32)));
    runKernel({ cacheDirectory });

    for (
      const damaged of [
        whole.subarray(0, whole.length - 1),
        whole.subarray(0, 10),
        Buffer.alloc(0),
        flip(whole, 40),
      ]
    ) {
      writeFileSync(path, damaged);
      expect(load()).toBeUndefined();
      runKernel({ cacheDirectory });
      expect(load()).toBeDefined(); // replaced by a whole one
    }
  });

  test("belongs to one device and driver", () => {
    using folder = new TemporaryFolder();
    runKernel({ cacheDirectory: folder.path });
    const { info } = openTestDevice();
    const own = new PipelineCacheFile(folder.path, info);
    const others = [{ driverVersion: 77 }, { deviceUuid: "00" }, { pipelineCacheUuid: "00" }];
    for (const other of others) {
      expect(new PipelineCacheFile(folder.path, { ...info, ...other }).path).not.toBe(own.path);
    }
    // The same name, and yet another device inside.
    const stranger = new PipelineCacheFile(folder.path, { ...info, vendorId: 1 });
    expect(stranger.path).toBe(own.path);
    expect(own.load()).toBeDefined();
    expect(stranger.load()).toBeUndefined();
  });

  test("does without a directory that cannot be written", () => {
    using folder = new TemporaryFolder({ "file": "not a directory" });
    runKernel({ cacheDirectory: join(folder.path, "file/below") });
  });
});

function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1;
  return copy;
}
