import { env, platform } from "node:process";
import { deviceCommands, globalCommands, instanceCommands, VkResult } from "./vulkan.gen.ts";
import { type Functions, type Intercept, linkFunctions, openLibrary } from "./library.ts";
import { cString } from "./struct.ts";

export type GlobalCommands = Functions<typeof globalCommands>;
export type InstanceCommands = Functions<typeof instanceCommands>;
export type DeviceCommands = Functions<typeof deviceCommands>;

/** A Vulkan command that failed. `result` is its VkResult, `resultName` the name of that code. */
export class VulkanError extends Error {
  override readonly name = "VulkanError";
  readonly resultName: string;
  constructor(readonly command: string, readonly result: number) {
    const resultName = nameOfResult(result);
    super(`${command} returned ${resultName}`);
    this.resultName = resultName;
  }
}

/**
 * Passes on a result that is a success, which includes VK_TIMEOUT and VK_INCOMPLETE.
 *
 * @throws {VulkanError} If the result is an error code, that is, negative.
 */
export function check(result: number, command: string): number {
  if (result < 0) throw new VulkanError(command, result);
  return result;
}

/** Names under which the Vulkan loader, or a driver that needs none, may be found; the environment's first. */
export function loaderCandidates(): readonly string[] {
  const chosen = env.LLAMAV_VULKAN_LOADER;
  if (chosen) return [chosen];
  switch (platform) {
    case "win32":
      return ["vulkan-1.dll"];
    case "darwin":
      return [
        "libvulkan.1.dylib",
        "/opt/homebrew/lib/libvulkan.1.dylib",
        "/usr/local/lib/libvulkan.1.dylib",
        "libMoltenVK.dylib",
        "/opt/homebrew/lib/libMoltenVK.dylib",
        "/usr/local/lib/libMoltenVK.dylib",
      ];
    default:
      return ["libvulkan.so.1", "libvulkan.so"];
  }
}

const loaderFunctions = { vkGetInstanceProcAddr: { args: ["u64", "ptr"], returns: "ptr" } } as const;

/** The Vulkan loader: where all other commands come from. */
export class Loader {
  readonly global: GlobalCommands;
  /** The candidate that was opened, as `loaderCandidates` names it. */
  readonly libraryName: string;
  readonly #functions: Functions<typeof loaderFunctions>;

  /**
   * @param intercept Wraps every command of this loader, its instances and devices
   * @throws {LibraryError} If no loader is installed.
   */
  constructor(readonly intercept?: Intercept) {
    const library = openLibrary(loaderCandidates(), loaderFunctions);
    this.libraryName = library.name;
    this.#functions = library.functions;
    this.global = linkFunctions(globalCommands, (name) => this.#address(0n, name), intercept);
  }

  instanceCommands(instance: bigint): InstanceCommands {
    return linkFunctions(instanceCommands, (name) => this.#address(instance, name), this.intercept);
  }

  /** Destroys an instance of which `instanceCommands` could not be had. */
  destroyInstance(instance: bigint): void {
    const { vkDestroyInstance } = instanceCommands;
    const address = (name: string): number => this.#address(instance, name);
    linkFunctions({ vkDestroyInstance }, address, this.intercept).vkDestroyInstance(instance, null);
  }

  /** Commands that go straight to the driver (or the first layer) of this device. */
  deviceCommands(instance: bigint, device: bigint): DeviceCommands {
    const lookup = { vkGetDeviceProcAddr: { args: ["u64", "ptr"], returns: "ptr" } } as const;
    const { vkGetDeviceProcAddr } = linkFunctions(lookup, (name) => this.#address(instance, name));
    const address = (name: string): number => found(name, vkGetDeviceProcAddr(device, cString(name)));
    return linkFunctions(deviceCommands, address, this.intercept);
  }

  #address(instance: bigint, name: string): number {
    return found(name, this.#functions.vkGetInstanceProcAddr(instance, cString(name)));
  }
}

function found(name: string, address: number | null): number {
  if (!address) throw new VulkanError(name, VkResult.VK_ERROR_EXTENSION_NOT_PRESENT);
  return address;
}

function nameOfResult(result: number): string {
  const entry = Object.entries(VkResult).find(([, value]) => value === result);
  return entry ? entry[0] : `VkResult ${result}`;
}
