import { describe, expect, test } from "bun:test";
import { totalmem } from "node:os";
import { join } from "node:path";
import { formatBytes } from "../../src/base/units.ts";
import type { Device, DeviceInfo } from "../../src/gpu/device.ts";
import type { Capabilities } from "../../src/gpu/needs.ts";
import {
  checkFeatures,
  checkMemory,
  checkSelection,
  describeKernel,
} from "../../src/runtime/check_device.ts";
import { checkCache, checkDevices, checkDrivers, checkShaders } from "../../src/runtime/check_system.ts";
import { describeDeviceMemory } from "../../src/runtime/device_memory.ts";
import { findDevices } from "../../src/runtime/devices.ts";
import type { Check } from "../../src/runtime/reports.ts";
import { repositoryRoot } from "../support/repository.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

/** Runs `llamav doctor --json` in a process of its own: drivers and loader are chosen by its environment. */
async function doctor(
  args: string[],
  env: Record<string, string>,
): Promise<{ code: number; checks: Check[] }> {
  const child = Bun.spawn([process.execPath, join(repositoryRoot, "main.ts"), "doctor", "--json", ...args], {
    env: { ...process.env, ...env },
    stdout: "pipe",
    stderr: "ignore",
  });
  const { checks } = JSON.parse(await new Response(child.stdout).text());
  return { code: await child.exited, checks };
}

function failed(checks: readonly Check[]): Check[] {
  return checks.filter(({ status }) => status === "fail");
}

describe("llamav doctor", () => {
  test("ends with 6 and says what to install where there is no loader", async () => {
    const { code, checks } = await doctor([], { LLAMAV_VULKAN_LOADER: "libno_vulkan_here.so" });
    expect(code).toBe(6);
    expect(failed(checks)).toEqual([{
      name: "loader",
      status: "fail",
      detail: expect.stringContaining("libno_vulkan_here.so"),
      remedy: expect.stringContaining("apt install"),
    }]);
  });

  test("ends with 6 and names the variable that points to no driver", async () => {
    const path = "no/such/driver.json";
    const { code, checks } = await doctor([], { VK_DRIVER_FILES: path, VK_ICD_FILENAMES: path });
    expect(code).toBe(6);
    expect(checks.find(({ name }) => name === "loader")?.status).toBe("ok");
    expect(checks.find(({ name }) => name === "driver driver.json")).toEqual({
      name: "driver driver.json",
      status: "warn",
      detail: `${path}: no such file (from VK_DRIVER_FILES)`,
      remedy: "Correct or unset VK_DRIVER_FILES",
    });
    expect(failed(checks).map(({ name }) => name)).toEqual(["devices"]);
  });

  test("ends with 6 and lists the devices where the one asked for is not there", async () => {
    const { code, checks } = await doctor(["--device", "no such device"], {});
    expect(code).toBe(6);
    expect(checks.some(({ name, status }) => name === "device 0" && status === "ok")).toBe(true);
    expect(failed(checks).map(({ name }) => name)).toEqual(["chosen device"]);
  });
});

describe("checks of a device", () => {
  const info: DeviceInfo = {
    index: 1,
    name: "Example 100",
    type: "discrete",
    driverName: "example",
    driverInfo: "1.0",
    apiVersion: "1.3.0",
    vendorId: 1,
    deviceId: 2,
    driverVersion: 3,
    pipelineCacheUuid: "00",
    deviceUuid: "00",
    subgroupSize: 32,
    heaps: [{ bytes: 24e9, deviceLocal: true }, { bytes: 64e9, deviceLocal: false }],
    unifiedMemory: false,
    slowBroadcasts: false,
    timestampPeriodNs: 1,
    missing: [],
  };
  const capabilities: Capabilities = {
    apiVersion: 1 << 22 | 3 << 12,
    timelineSemaphores: true,
    pushDescriptors: true,
    computeQueue: true,
    subgroupOperations: 0xff,
    subgroupSize: 32,
    workgroupInvocations: 1024,
    storageBuffers: 1000,
    sharedMemoryBytes: 49_152,
    pushConstantBytes: 256,
  };
  const physical = { capabilities } as Device["physical"];

  test("are fine with a large graphics card", () => {
    const checks = [checkSelection({ info }), checkFeatures({ physical }), checkMemory({ info })];
    expect(checks.map(({ status }) => status)).toEqual(["ok", "ok", "ok"]);
    expect(checks.some(({ remedy }) => remedy !== undefined)).toBe(false);
    expect(checks[1]!.detail).toContain("16384 bytes of shared memory (it has 49152)");
  });

  test("warn of a CPU, whose memory is the host's", () => {
    const cpu = { ...info, type: "cpu" } as const;
    expect(checkSelection({ info: cpu })).toMatchObject({ status: "warn", remedy: expect.any(String) });
    expect(checkMemory({ info: cpu }).detail).toStartWith(`${formatBytes(totalmem())} of the host's memory`);
  });

  test("warn of a heap in which no model fits; the host's memory does not count", () => {
    const small = { ...info, heaps: [{ bytes: 8e9, deviceLocal: true }, info.heaps[1]!] };
    const check = checkMemory({ info: small });
    expect(check).toMatchObject({ status: "warn", remedy: expect.any(String) });
    expect(check.detail).toStartWith("8.0 GB in the device's largest heap; the 11B model has 21.3 GB");
  });
});

test("describeKernel() gives the error and its limit, and says what went wrong instead of numbers", () => {
  const report = {
    kernel: "rope",
    passed: true,
    caseCount: 2,
    worstCase: 'T=1, "y"',
    error: 1.5e-7,
    limit: 1e-6,
  };
  const detail = (changes: Partial<Parameters<typeof describeKernel>[0]>) =>
    describeKernel({ ...report, ...changes }).detail;
  expect(describeKernel(report)).toEqual({
    name: "kernel rope",
    status: "ok",
    detail: "error 1.5e-7 of at most 1e-6 in 2 cases",
  });
  expect(detail({ error: 0, limit: 0, caseCount: 1 })).toBe("exact in 1 case");
  expect(detail({ passed: false, error: 0.5 })).toBe('error 5.0e-1, at most 1e-6, in the case T=1, "y"');
  expect(detail({ passed: false, error: Infinity })).toBe('wrong values, in the case T=1, "y"');
  expect(detail({ passed: false, worstCase: "T=1", failure: "The device was lost" })).toBe(
    "The device was lost, in the case T=1",
  );
  expect(describeKernel({ ...report, passed: false })).toMatchObject({
    status: "fail",
    remedy: expect.stringContaining("Do not trust"),
  });
});

describe("checks of the system", () => {
  test("checkCache() makes the folder, and warns where it cannot", () => {
    using folder = new TemporaryFolder({ file: "" });
    expect(checkCache(join(folder.path, "new/cache"))).toMatchObject({ name: "cache", status: "ok" });
    expect(checkCache(join(folder.path, "file/below"))).toMatchObject({
      status: "warn",
      remedy: expect.stringContaining("XDG_CACHE_HOME"),
    });
  });

  test("checkDrivers() fails where no driver is installed", () => {
    using folder = new TemporaryFolder();
    const [check, ...more] = checkDrivers({ VK_DRIVER_FILES: folder.path });
    expect(more).toEqual([]);
    expect(check).toMatchObject({ status: "fail", remedy: expect.stringContaining("VK_DRIVER_FILES") });
  });

  test("checkShaders() finds a compiled shader for every kernel", () => {
    expect(checkShaders()).toMatchObject({
      name: "shaders",
      status: "ok",
      detail: expect.stringMatching(/^\d+ kernels/),
    });
  });
});

test("devices and doctor tell the same memory of each device", () => {
  const found = findDevices();
  expect(found.length).toBeGreaterThan(0);
  const told = checkDevices().map(({ detail }) => detail);
  for (const { index, type, memoryBytes } of found) {
    expect(told[index]).toContain(`memory ${describeDeviceMemory(type, memoryBytes)}`);
  }
});
