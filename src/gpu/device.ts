import type { Intercept } from "../../ffi/library.ts";
import { cString, type FieldValues, handles, type Layout, pack, pointers } from "../../ffi/struct.ts";
import { check, type DeviceCommands } from "../../ffi/vulkan.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import { type DeviceInfo, type DeviceLimits, type PhysicalDevice, queryDevice } from "./device_info.ts";
import { Instance } from "./instance.ts";
import { GpuBuffer } from "./memory.ts";
import { Pipelines } from "./pipelines.ts";
import { Queue } from "./queue.ts";
import { selectDevice } from "./select_device.ts";

export type { DeviceInfo, DeviceLimits, DeviceType, Heap } from "./device_info.ts";

export interface DeviceOptions {
  /** An index, a part of the name, or `cpu`, `discrete`, `integrated`, `virtual`. Default: the best there is. */
  readonly select?: string;
  /** Runs under the validation layer with synchronization validation, and with bounds checks in shaders. */
  readonly validation?: boolean;
  /** Directory of the on-disk pipeline cache; without it nothing is kept. */
  readonly cacheDirectory?: string;
  /** Wraps every Vulkan command: fault injection, call counting. */
  readonly intercept?: Intercept;
}

/** Bytes of the buffer that stands in for optional arguments that are left out. */
const dummyBytes = 256;

/** All usable and unusable devices of this machine, in the loader's order. */
export function listDevices(): DeviceInfo[] {
  const instance = Instance.open();
  try {
    return queryDevices(instance).map(({ info }) => info);
  } finally {
    instance.dispose();
  }
}

/**
 * An open device and the root of all that lives on it: nothing of the gpu floor is kept anywhere else, so that
 * after a device loss everything can be dropped and built again. Used by one thread.
 */
export class Device {
  readonly info: DeviceInfo;
  readonly limits: DeviceLimits;
  readonly queue: Queue;
  readonly pipelines: Pipelines;
  /** Where command buffers of recordings come from. */
  readonly commandPool: bigint;
  #dummy: GpuBuffer | undefined;
  #disposed = false;

  private constructor(
    readonly physical: PhysicalDevice,
    readonly handle: bigint,
    readonly commands: DeviceCommands,
    private readonly owned: Destructors,
    options: DeviceOptions,
  ) {
    this.info = physical.info;
    this.limits = physical.limits;
    this.commandPool = this.create("vkCreateCommandPool", vk.VkCommandPoolCreateInfo, {
      flags: vk.VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
      queueFamilyIndex: physical.queueFamily,
    });
    owned.push(() => commands.vkDestroyCommandPool(handle, this.commandPool, null));
    this.queue = new Queue(this);
    owned.push(() => this.queue.dispose());
    this.pipelines = new Pipelines(this, options.cacheDirectory);
    owned.push(() => this.pipelines.dispose());
  }

  /**
   * Opens a device.
   *
   * @throws {DeviceError} If there is no loader, no driver, no such device, or it lacks a feature.
   */
  static open(options: DeviceOptions = {}): Device {
    const owned: Destructors = [];
    try {
      const instance = Instance.open(options);
      owned.push(() => instance.dispose());
      const physical = selectDevice(queryDevices(instance), options.select);
      const handle = createDevice(instance, physical, options.validation ?? false);
      owned.push(() => instance.commands.vkDestroyDevice(handle, null));
      const commands = instance.loader.deviceCommands(instance.handle, handle);
      return new Device(physical, handle, commands, owned, options);
    } catch (error) {
      destroyAll(owned);
      throw error;
    }
  }

  /** A zeroed buffer to bind where an optional argument is left out, or a tensor has no elements. */
  get dummy(): GpuBuffer {
    return this.#dummy ??= new GpuBuffer(this, "dummy", dummyBytes, "device");
  }

  /** Calls one of the `vkCreate…(device, info, allocator, out)` commands and gives the new handle. */
  create<L extends Layout>(command: CreateCommand, layout: L, values: FieldValues<L>): bigint {
    const out = handles(1);
    check(this.commands[command](this.handle, pack(layout, values), null, out), command);
    return out[0]!;
  }

  /** Destroys the device and everything that it owns. Arenas, recordings and uploaders go before it. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.commands.vkDeviceWaitIdle(this.handle);
    this.#dummy?.dispose();
    destroyAll(this.owned);
  }
}

/** What undoes each step of opening a device. */
type Destructors = (() => void)[];

function destroyAll(owned: Destructors): void {
  while (owned.length > 0) owned.pop()!();
}

function queryDevices(instance: Instance): PhysicalDevice[] {
  return instance.physicalDevices().map((handle, index) => queryDevice(instance, handle, index));
}

type CreateCommand =
  | "vkAllocateMemory"
  | "vkCreateBuffer"
  | "vkCreateCommandPool"
  | "vkCreateDescriptorSetLayout"
  | "vkCreatePipelineCache"
  | "vkCreatePipelineLayout"
  | "vkCreateQueryPool"
  | "vkCreateSemaphore"
  | "vkCreateShaderModule";

/** @param checkBounds Views end where they say: reads beyond give zeros or own bytes, writes beyond are dropped */
function createDevice(instance: Instance, physical: PhysicalDevice, checkBounds: boolean): bigint {
  const queue = pack(vk.VkDeviceQueueCreateInfo, {
    queueFamilyIndex: physical.queueFamily,
    queueCount: 1,
    pQueuePriorities: new Float32Array([1]),
  });
  const { extensions } = physical;
  const info = pack(vk.VkDeviceCreateInfo, {
    pNext: pack(vk.VkPhysicalDeviceFeatures2, {
      pNext: pack(vk.VkPhysicalDeviceVulkan12Features, { timelineSemaphore: 1 }),
      features: { robustBufferAccess: checkBounds ? 1 : 0 }, // every device has it
    }),
    queueCreateInfoCount: 1,
    pQueueCreateInfos: queue,
    enabledExtensionCount: extensions.length,
    ppEnabledExtensionNames: pointers(extensions.map(cString)),
  });
  const out = handles(1);
  check(instance.commands.vkCreateDevice(physical.handle, info, null, out), "vkCreateDevice");
  return out[0]!;
}
