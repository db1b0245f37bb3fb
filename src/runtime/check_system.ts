import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Environment } from "../base/environment.ts";
import { ExplainedError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import { type DeviceInfo, listDevices } from "../gpu/device.ts";
import { driverManifests } from "../gpu/driver_manifests.ts";
import { loaderInfo } from "../gpu/loader_info.ts";
import { ShaderLibrary } from "../gpu/shader_library.ts";
import { deviceHeapBytes } from "../model/plan.ts";
import { kernels } from "../ops/registry.ts";
import { describeDeviceMemory } from "./device_memory.ts";
import type { Check } from "./reports.ts";

const installDriver = "Install the graphics card's Vulkan driver, or Mesa's for AMD, Intel and the CPU";

/** A failed check that says what an error says. */
export function failure(name: string, error: unknown, remedy: string): Check {
  const detail = error instanceof Error ? error.message : String(error);
  return {
    name,
    status: "fail",
    detail,
    remedy: error instanceof ExplainedError ? error.remedy ?? remedy : remedy,
  };
}

export function checkLoader(): Check {
  const name = "loader";
  try {
    const { library, apiVersion } = loaderInfo();
    const detail = `${library}, Vulkan ${apiVersion}`;
    const [major, minor] = apiVersion.split(".").map(Number);
    if (major! > 1 || minor! >= 2) return { name, status: "ok", detail };
    return { name, status: "fail", detail: `${detail}; 1.2 is needed`, remedy: "Update the Vulkan loader" };
  } catch (error) {
    return failure(name, error, "Install the Vulkan loader");
  }
}

/** The drivers that the loader is told of, one check each. Linux only: elsewhere the loader asks the system. */
export function checkDrivers(env: Environment): Check[] {
  const { chosenBy, manifests } = driverManifests(env);
  if (manifests.length === 0) {
    const detail = chosenBy ? `${chosenBy} names a folder without manifests` : "no manifest in vulkan/icd.d";
    const remedy = chosenBy ? `Unset ${chosenBy}, or point it to a driver's manifest` : installDriver;
    return [{ name: "driver", status: "fail", detail, remedy }];
  }
  const source = chosenBy ? ` (from ${chosenBy})` : "";
  return manifests.map(({ path, library, problem }) => {
    const name = `driver ${basename(path)}`;
    if (problem === undefined) return { name, status: "ok", detail: `${library}${source}` };
    const remedy = chosenBy ? `Correct or unset ${chosenBy}` : `Install the driver again, or remove ${path}`;
    return { name, status: "warn", detail: `${path}: ${problem}${source}`, remedy };
  });
}

/** One check for each device of the machine. */
export function checkDevices(): Check[] {
  let devices: DeviceInfo[];
  try {
    devices = listDevices();
  } catch (error) {
    return [failure("devices", error, installDriver)];
  }
  if (devices.length === 0) {
    return [{ name: "devices", status: "fail", detail: "the drivers list none", remedy: installDriver }];
  }
  return devices.map((info) => {
    const name = `device ${info.index}`;
    if (info.missing.length === 0) return { name, status: "ok", detail: describe(info) };
    const detail = `${describe(info)}; unusable: it lacks ${info.missing.join(" and ")}`;
    return { name, status: "warn", detail, remedy: "Update its driver, or use another device" };
  });
}

function describe(info: DeviceInfo): string {
  const { name, type, driverName, driverInfo, apiVersion, subgroupSize } = info;
  const memory = describeDeviceMemory(type, deviceHeapBytes(info));
  return `"${name}" (${type}), ${driverName} ${driverInfo}, Vulkan ${apiVersion}, subgroups of ${subgroupSize}, memory ${memory}`;
}

/** Whether the compiled shaders inside the executable are those that the program asks for. */
export function checkShaders(): Check {
  const name = "shaders";
  try {
    const library = ShaderLibrary.load();
    const bytes = kernels.reduce((sum, { shader }) => sum + library.get(shader).length, 0);
    return { name, status: "ok", detail: `${kernels.length} kernels, ${formatBytes(bytes)}` };
  } catch (error) {
    return failure(name, error, "Download or build the executable again");
  }
}

const wantedFreeBytes = 100e6;

/** Whether compiled kernels can be kept in a folder, so that the next start is faster. */
export function checkCache(directory: string): Check {
  const name = "cache";
  const probe = join(directory, `.probe-${process.pid}`);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(probe, "");
    rmSync(probe);
    const { bavail, bsize } = statfsSync(directory);
    const detail = `${directory}, ${formatBytes(bavail * bsize)} free`;
    if (bavail * bsize >= wantedFreeBytes) return { name, status: "ok", detail };
    return { name, status: "warn", detail, remedy: "Free some space: compiled kernels are kept there" };
  } catch (error) {
    const remedy =
      "Make the folder writable, or set XDG_CACHE_HOME: without it every start compiles the kernels again";
    return { ...failure(name, error, remedy), status: "warn" };
  }
}
