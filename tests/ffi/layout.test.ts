import { expect, test } from "bun:test";
import { join } from "node:path";
import { type Layout, pack, packArray, unpack } from "../../ffi/struct.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const layouts = Object.values(vk).filter((value): value is typeof value & Layout =>
  typeof value === "object" && "fields" in value
);

/** A C program that prints size and offsets of every struct, and the values of every constant. */
function oracleSource(): string {
  const structs = layouts.flatMap(({ name, fields }) => [
    `printf("${name} %zu\\n", sizeof(${name}));`,
    ...Object.keys(fields).map((field) => `printf("${name}.${field} %zu\\n", offsetof(${name}, ${field}));`),
  ]);
  const constants = Object.entries(vk).filter(([, value]) => typeof value === "number").map(([name]) =>
    `printf("${name} %lld\\n", (long long)${name});`
  );
  const lines = [...structs, ...constants].map((line) => `  ${line}`).join("\n");
  return `#include <stddef.h>\n#include <stdio.h>\n#include <vulkan/vulkan.h>\nint main(void) {\n${lines}\n  return 0;\n}\n`;
}

function ourLines(): string[] {
  const structs = layouts.flatMap(({ name, size, fields }) => [
    `${name} ${size}`,
    ...Object.entries(fields).map(([field, [offset]]) => `${name}.${field} ${offset}`),
  ]);
  const constants = Object.entries(vk).filter(([, value]) => typeof value === "number");
  return [...structs, ...constants.map(([name, value]) => `${name} ${value}`)];
}

test("vulkan.gen has the sizes, offsets and constants that a C compiler gives them", async () => {
  using folder = new TemporaryFolder();
  const source = join(folder.path, "layout.c");
  const program = join(folder.path, "layout");
  await Bun.write(source, oracleSource());
  const compiler = Bun.spawnSync(["gcc", "-std=c11", "-o", program, source]);
  expect(compiler.stderr.toString()).toBe("");
  const printed = Bun.spawnSync([program]).stdout.toString().trim().split("\n");
  expect(layouts.length).toBeGreaterThan(40);
  expect(ourLines()).toEqual(printed);
});

test("pack() and unpack() agree on scalars, texts, arrays and nested structs", () => {
  const memory = pack(vk.VkPhysicalDeviceProperties2, {
    properties: {
      deviceName: "Größe 7",
      vendorID: 0xffff_ffff,
      pipelineCacheUUID: [1, 2, 3],
      limits: { maxComputeWorkGroupCount: [1, 2, 3], timestampPeriod: 1.5, nonCoherentAtomSize: 2n ** 63n },
    },
  });
  const { sType, pNext, properties } = unpack(vk.VkPhysicalDeviceProperties2, memory);
  expect({ sType, pNext }).toEqual({ sType: vk.VkPhysicalDeviceProperties2.sType, pNext: 0 });
  expect(properties.deviceName).toBe("Größe 7");
  expect(properties.vendorID).toBe(0xffff_ffff);
  expect(properties.pipelineCacheUUID.slice(0, 4)).toEqual([1, 2, 3, 0]);
  expect(properties.limits.maxComputeWorkGroupCount).toEqual([1, 2, 3]);
  expect(properties.limits.timestampPeriod).toBe(1.5);
  expect(properties.limits.nonCoherentAtomSize).toBe(2n ** 63n);
});

test("packArray() places structs one after the other", () => {
  const memory = packArray(vk.VkSpecializationMapEntry, [{ constantID: 7 }, { constantID: 8, size: 4 }]);
  expect(memory.length).toBe(2 * vk.VkSpecializationMapEntry.size);
  expect(unpack(vk.VkSpecializationMapEntry, memory, 1)).toEqual({ constantID: 8, offset: 0, size: 4n });
});

test("pack() refuses more values than an array field holds", () => {
  const tooMany = Array.from({ length: 17 }, () => 0);
  expect(() => pack(vk.VkPhysicalDeviceVulkan11Properties, { deviceUUID: tooMany })).toThrow(
    "VkPhysicalDeviceVulkan11Properties.deviceUUID holds 16 values, got 17",
  );
});
