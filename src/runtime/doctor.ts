import process from "node:process";
import { Device } from "../gpu/device.ts";
import { selfTest } from "../selftest/self_test.ts";
import { cacheDirectory } from "./cache_directory.ts";
import { checkFeatures, checkMemory, checkSelection, checkTransfer, describeKernel } from "./check_device.ts";
import { checkModels } from "./check_models.ts";
import {
  checkCache,
  checkDevices,
  checkDrivers,
  checkLoader,
  checkShaders,
  failure,
} from "./check_system.ts";
import type { Check } from "./reports.ts";

export interface DoctorOptions {
  /** As in `--device`. */
  readonly device?: string;
  /** Called with each check as it ends. The caller's timers and signals run between two of them. */
  readonly onCheck?: (check: Check) => void;
}

/**
 * Looks at everything that an answer rests on, from the Vulkan loader up to the numbers of every kernel on this
 * driver. What is wrong becomes a check that says so; nothing is thrown.
 */
export async function runDoctor({ device, onCheck }: DoctorOptions = {}): Promise<Check[]> {
  const checks: Check[] = [];
  for (const check of allChecks(device)) {
    checks.push(check);
    onCheck?.(check);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return checks;
}

function* allChecks(select: string | undefined): Generator<Check> {
  const [cache, shaders] = [checkCache(cacheDirectory()), checkShaders()];
  yield cache;
  yield checkModels(process.env);
  yield shaders;
  const loader = checkLoader();
  yield loader;
  if (process.platform === "linux") yield* checkDrivers(process.env);
  if (loader.status === "fail") return;
  const devices = checkDevices();
  yield* devices;
  if (devices.some((check) => check.status === "fail")) return;
  yield* checkDevice(select, shaders.status === "ok");
}

function* checkDevice(select: string | undefined, withKernels: boolean): Generator<Check> {
  let device: Device;
  try {
    device = Device.open({ select });
  } catch (error) {
    yield failure("chosen device", error, "Choose another device with --device");
    return;
  }
  try {
    yield checkSelection(device);
    yield checkFeatures(device);
    yield checkMemory(device);
    yield checkTransfer(device);
    if (!withKernels) return;
    for (const report of selfTest(device)) yield describeKernel(report);
  } finally {
    device.dispose();
  }
}
