import { type Intercept, LibraryError } from "../../ffi/library.ts";
import { blank, cString, handles, pack, pointers, unpack, words } from "../../ffi/struct.ts";
import { check, type InstanceCommands, Loader, VulkanError } from "../../ffi/vulkan.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import { DeviceError } from "../base/errors.ts";
import { enableValidation, validationFeatures, validationLayer } from "./validation.ts";

const apiVersion = (1 << 22) | (3 << 12); // Vulkan 1.3: the newest whose properties we read
const portabilityExtension = "VK_KHR_portability_enumeration";
const installHint =
  "Install a Vulkan driver: the vendor's for NVIDIA, or on Debian and Ubuntu `apt install mesa-vulkan-drivers libvulkan1`, " +
  "on macOS `brew install vulkan-loader molten-vk`, on Windows the graphics driver";

/** A connection to the Vulkan loader. */
export class Instance {
  private constructor(
    readonly loader: Loader,
    readonly handle: bigint,
    readonly commands: InstanceCommands,
  ) {}

  /** @throws {DeviceError} If no loader is found, or none of its drivers works. */
  static open(options: { validation?: boolean; intercept?: Intercept } = {}): Instance {
    const loader = openLoader(options.intercept);
    const handle = createInstance(loader, options.validation ?? false);
    try {
      return new Instance(loader, handle, loader.instanceCommands(handle));
    } catch (error) {
      loader.destroyInstance(handle);
      throw error;
    }
  }

  /** All devices of all drivers, in the loader's order. */
  physicalDevices(): bigint[] {
    const count = words(1);
    const enumerate = this.commands.vkEnumeratePhysicalDevices;
    check(enumerate(this.handle, count, null), "vkEnumeratePhysicalDevices");
    const found = handles(count[0]!);
    check(enumerate(this.handle, count, found), "vkEnumeratePhysicalDevices");
    return [...found.subarray(0, count[0]!)];
  }

  /** Names of the extensions that a device offers. */
  deviceExtensions(physicalDevice: bigint): ReadonlySet<string> {
    const { vkEnumerateDeviceExtensionProperties: enumerate } = this.commands;
    return readNames((count, data) => enumerate(physicalDevice, null, count, data), vk.VkExtensionProperties);
  }

  dispose(): void {
    this.commands.vkDestroyInstance(this.handle, null);
  }
}

/** @throws {DeviceError} If no loader is found. */
export function openLoader(intercept?: Intercept): Loader {
  try {
    return new Loader(intercept);
  } catch (error) {
    if (!(error instanceof LibraryError || error instanceof VulkanError)) throw error;
    throw new DeviceError(`Cannot open the Vulkan loader (${error.message})`, installHint, { cause: error });
  }
}

function createInstance(loader: Loader, validation: boolean): bigint {
  const extensions = [...instanceExtensions(loader)].filter((name) => name === portabilityExtension);
  const layers = validation ? [requireValidationLayer(loader)] : [];
  if (validation) enableValidation();
  const application = pack(vk.VkApplicationInfo, { pApplicationName: cString("llamav"), apiVersion });
  const info = pack(vk.VkInstanceCreateInfo, {
    pNext: validation ? validationFeatures() : null,
    flags: extensions.length > 0 ? vk.VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR : 0,
    pApplicationInfo: application,
    enabledLayerCount: layers.length,
    ppEnabledLayerNames: pointers(layers.map(cString)),
    enabledExtensionCount: extensions.length,
    ppEnabledExtensionNames: pointers(extensions.map(cString)),
  });
  const out = handles(1);
  const result = loader.global.vkCreateInstance(info, null, out);
  if (result === vk.VkResult.VK_ERROR_INCOMPATIBLE_DRIVER) {
    throw new DeviceError("Cannot start Vulkan: the loader found no driver that works", installHint);
  }
  check(result, "vkCreateInstance");
  return out[0]!;
}

function instanceExtensions(loader: Loader): ReadonlySet<string> {
  const enumerate = loader.global.vkEnumerateInstanceExtensionProperties;
  return readNames((count, data) => enumerate(null, count, data), vk.VkExtensionProperties);
}

function requireValidationLayer(loader: Loader): string {
  const names = readNames(loader.global.vkEnumerateInstanceLayerProperties, vk.VkLayerProperties);
  if (names.has(validationLayer)) return validationLayer;
  throw new DeviceError(
    `Cannot validate: the layer ${validationLayer} is not installed`,
    "Install it (on Debian and Ubuntu `apt install vulkan-validationlayers`) or switch validation off",
  );
}

/** Runs Vulkan's two-call enumeration and gives the names. */
function readNames(
  enumerate: (count: Uint32Array, data: Uint8Array | null) => number,
  layout: typeof vk.VkExtensionProperties | typeof vk.VkLayerProperties,
): Set<string> {
  const count = words(1);
  check(enumerate(count, null), `enumerating ${layout.name}`);
  const data = blank(layout, count[0]!);
  check(enumerate(count, data), `enumerating ${layout.name}`);
  return new Set(
    Array.from(
      { length: count[0]! },
      (_, index) =>
        layout.name === "VkLayerProperties"
          ? unpack(vk.VkLayerProperties, data, index).layerName
          : unpack(vk.VkExtensionProperties, data, index).extensionName,
    ),
  );
}
