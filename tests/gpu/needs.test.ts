import { describe, expect, test } from "bun:test";
import type { Device } from "../../src/gpu/device.ts";
import type { DeviceType } from "../../src/gpu/device_info.ts";
import { bufferArgs, scalarArgs } from "../../src/gpu/kernel_args.ts";
import { type Capabilities, describeNeeds, unmetNeeds } from "../../src/gpu/needs.ts";
import { ShaderLibrary } from "../../src/gpu/shader_library.ts";
import { attentionTile } from "../../src/ops/attention_tile.ts";
import { kernels } from "../../src/ops/registry.ts";
import { openTestDevice } from "../support/gpu.ts";
import { sharedMemoryBytes } from "./shared_memory.ts";

/** A device that has what is needed and nothing more. */
const least: Capabilities = {
  apiVersion: 1 << 22 | 2 << 12,
  timelineSemaphores: true,
  pushDescriptors: true,
  computeQueue: true,
  subgroupOperations: 0b1101,
  subgroupSize: 4,
  workgroupInvocations: 256,
  storageBuffers: 7,
  sharedMemoryBytes: 16_384,
  pushConstantBytes: 128,
};

describe("unmetNeeds()", () => {
  test("is empty for a device that has just enough, and for the one of the tests", () => {
    expect(unmetNeeds(least)).toEqual([]);
    expect(unmetNeeds(openTestDevice().physical.capabilities)).toEqual([]);
  });

  test.each<[Partial<Capabilities>, string]>([
    [{ timelineSemaphores: false }, "timeline semaphores"],
    [{ pushDescriptors: false }, "VK_KHR_push_descriptor"],
    [{ computeQueue: false }, "a compute queue"],
    [{ subgroupOperations: 0b1001 }, "subgroup arithmetic and ballots in compute shaders"],
    [{ subgroupOperations: 0b101 }, "subgroup arithmetic and ballots in compute shaders"],
    [{ subgroupSize: 2 }, "4 invocations per subgroup (it has 2)"],
    [{ workgroupInvocations: 128 }, "256 invocations per workgroup (it has 128)"],
    [{ storageBuffers: 4 }, "7 storage buffers per kernel (it has 4)"],
    [{ sharedMemoryBytes: 16_383 }, "16384 bytes of shared memory (it has 16383)"],
    [{ pushConstantBytes: 64 }, "128 bytes of push constants (it has 64)"],
  ])("names what is missing: %o", (changes, text) => {
    expect(unmetNeeds({ ...least, ...changes })).toEqual([text]);
  });

  test("names nothing but the version where that is too old, and all that is missing otherwise", () => {
    const apiVersion = 1 << 22 | 1 << 12 | 7;
    const poor = { ...least, timelineSemaphores: false, pushDescriptors: false };
    expect(unmetNeeds({ ...poor, apiVersion })).toEqual(["Vulkan 1.2 (it has 1.1.7)"]);
    expect(unmetNeeds(poor)).toEqual(["timeline semaphores", "VK_KHR_push_descriptor"]);
  });
});

test("describeNeeds() tells what the device has of each", () => {
  const lines = describeNeeds({ ...least, sharedMemoryBytes: 49_152 });
  expect(lines).toHaveLength(Object.keys(least).length);
  expect(lines).toContain("timeline semaphores");
  expect(lines).toContain("16384 bytes of shared memory (it has 49152)");
});

describe("the needs are what the kernels take:", () => {
  test("storage buffers", () => {
    expect(Math.max(...kernels.map((kernel) => bufferArgs(kernel).length))).toBe(least.storageBuffers);
  });

  test("push constants", () => {
    const bytes = kernels.map((kernel) => scalarArgs(kernel).length * 4);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(least.pushConstantBytes);
  });

  test("invocations per workgroup", () => {
    const sizes = kernels.map(({ spec }) => spec.WORKGROUP_SIZE!);
    expect(Math.max(...sizes)).toBe(least.workgroupInvocations);
  });

  test("shared memory, with heads of 128 and every way to cut up a workgroup", () => {
    const library = ShaderLibrary.load();
    const tile = (type: DeviceType, subgroupSize: number, keySplits: 1 | 4) =>
      attentionTile({ info: { type, subgroupSize } } as Pick<Device, "info">, keySplits);
    const tiles = [
      tile("discrete", 32, 1),
      tile("discrete", 32, 4),
      ...[4, 8, 16].map((size) => tile("cpu", size, 1)),
    ];
    const bytes = kernels.flatMap(({ shader, spec }) => {
      const variants = "KEY_LANES" in spec
        ? tiles.map((tile) => ({ ...spec, ...tile, HEAD_DIM: 128 }))
        : [spec];
      return variants.map((values) => sharedMemoryBytes(library.get(shader), { ...Object.values(values) }));
    });
    expect(Math.max(...bytes)).toBe(least.sharedMemoryBytes);
  });
});
