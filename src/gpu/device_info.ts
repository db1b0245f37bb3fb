import { blank, unpack, type Unpacked, words } from "../../ffi/struct.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import { externalMemoryHost, takesHostPages } from "./host_pages.ts";
import type { Instance } from "./instance.ts";
import { type Capabilities, unmetNeeds, versionText } from "./needs.ts";

export type DeviceType = "discrete" | "integrated" | "virtual" | "cpu" | "other";

export interface Heap {
  readonly bytes: number;
  readonly deviceLocal: boolean;
}

/** What a device calls itself and what matters of it to a person. */
export interface DeviceInfo {
  readonly index: number;
  readonly name: string;
  readonly type: DeviceType;
  readonly driverName: string;
  /** The driver's version in its own words, for example `Mesa 25.0.7`. */
  readonly driverInfo: string;
  /** Decimal `major.minor.patch` of the Vulkan version. */
  readonly apiVersion: string;
  readonly vendorId: number;
  readonly deviceId: number;
  /** The driver's raw version number; its encoding is the vendor's. */
  readonly driverVersion: number;
  readonly pipelineCacheUuid: string;
  readonly deviceUuid: string;
  readonly subgroupSize: number;
  /** Whether passing a value round a subgroup costs more than what it spares is worth, unless many share it. */
  readonly slowBroadcasts: boolean;
  readonly heaps: readonly Heap[];
  /** Whether the device's memory is the host's, so that weights can be read straight into it. */
  readonly unifiedMemory: boolean;
  /** Nanoseconds per timestamp tick; 0 when the compute queue has no timestamps. */
  readonly timestampPeriodNs: number;
  /** Why the device cannot be used; empty when it can. */
  readonly missing: readonly string[];
}

/** Limits that operations must stay within. */
export interface DeviceLimits {
  /** Bytes that one buffer argument may span. */
  readonly maxStorageBufferRange: number;
  /** Workgroups per axis, the smallest of the three. */
  readonly maxWorkgroupCount: number;
  /** Invocations of a workgroup per axis. */
  readonly maxWorkgroupSize: readonly [number, number, number];
  readonly maxWorkgroupInvocations: number;
  readonly sharedMemoryBytes: number;
  /** Bytes that offsets of buffer arguments must be multiples of. */
  readonly storageAlignment: number;
  readonly maxAllocationBytes: number;
  readonly maxPushConstantBytes: number;
  /** Steps that all loops of one invocation may take together; no error tells of more. Infinity as a rule. */
  readonly loopSteps: number;
}

export interface MemoryType {
  readonly index: number;
  readonly flags: number;
  readonly heap: number;
}

/** Everything asked from a physical device before it is opened. */
export interface PhysicalDevice {
  readonly handle: bigint;
  readonly info: DeviceInfo;
  readonly capabilities: Capabilities;
  readonly limits: DeviceLimits;
  readonly memoryTypes: readonly MemoryType[];
  readonly queueFamily: number;
  /** Whether large allocations lie in memory that the host has taken in large pages. */
  readonly hostPages: boolean;
  /** Extensions to enable. */
  readonly extensions: readonly string[];
}

const pushDescriptors = "VK_KHR_push_descriptor";
/** Must be enabled wherever it is offered: MoltenVK and other layered drivers. */
const portabilitySubset = "VK_KHR_portability_subset";

/** Asks one device for its properties, features, memory and queues. */
export function queryDevice(instance: Instance, handle: bigint, index: number): PhysicalDevice {
  const extensions = instance.deviceExtensions(handle);
  const { properties, vulkan11, vulkan12 } = queryProperties(instance, handle);
  const memory = queryMemory(instance, handle);
  const queue = findComputeQueue(instance, handle);
  const type = deviceTypes.get(properties.deviceType) ?? "other";
  const capabilities = queryCapabilities(
    instance,
    handle,
    { properties, vulkan11 },
    extensions,
    queue !== undefined,
  );
  const info: DeviceInfo = {
    index,
    name: properties.deviceName,
    type,
    driverName: vulkan12.driverName,
    driverInfo: vulkan12.driverInfo,
    apiVersion: versionText(properties.apiVersion),
    vendorId: properties.vendorID,
    deviceId: properties.deviceID,
    driverVersion: properties.driverVersion,
    pipelineCacheUuid: new Uint8Array(properties.pipelineCacheUUID).toHex(),
    deviceUuid: new Uint8Array(vulkan11.deviceUUID).toHex(),
    subgroupSize: vulkan11.subgroupSize,
    slowBroadcasts: isEarlyLlvmpipe(vulkan12),
    heaps: memory.heaps,
    unifiedMemory: (type === "cpu" || type === "integrated") && mainMemoryIsMapped(memory),
    timestampPeriodNs: queue?.timestampBits ? properties.limits.timestampPeriod : 0,
    missing: unmetNeeds(capabilities),
  };
  const memoryTypes = memory.types.length;
  const hostPages = takesHostPages(instance, { handle, type, extensions, memoryTypes });
  const wanted = [pushDescriptors, portabilitySubset, ...hostPages ? [externalMemoryHost] : []];
  return {
    handle,
    info,
    capabilities,
    limits: { ...readLimits(properties.limits, vulkan11), loopSteps: loopSteps(info) },
    memoryTypes: memory.types,
    queueFamily: queue?.family ?? 0,
    hostPages,
    extensions: wanted.filter((name) => extensions.has(name)),
  };
}

/** Mesa's CPU driver ends the loops of an invocation after 65,535 steps: seen in 22.3.6, no longer in 25.0.7. */
function loopSteps(driver: Driver): number {
  return isEarlyLlvmpipe(driver) ? 65_535 : Infinity;
}

type Driver = Pick<DeviceInfo, "driverName" | "driverInfo">;

/** It also passes values round a subgroup lane by lane: with two rows to share them, a product takes 1.2 times as long. */
function isEarlyLlvmpipe({ driverName, driverInfo }: Driver): boolean {
  const version = /^Mesa (\d+)\./.exec(driverInfo)?.[1];
  return driverName === "llvmpipe" && Number(version) < 25;
}

type Properties = Unpacked<typeof vk.VkPhysicalDeviceProperties2>["properties"];
type Vulkan11 = Unpacked<typeof vk.VkPhysicalDeviceVulkan11Properties>;

const deviceTypes: ReadonlyMap<number, DeviceType> = new Map<number, DeviceType>([
  [vk.VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU, "discrete"],
  [vk.VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU, "integrated"],
  [vk.VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU, "virtual"],
  [vk.VK_PHYSICAL_DEVICE_TYPE_CPU, "cpu"],
]);

function queryProperties(instance: Instance, handle: bigint) {
  const vulkan12 = blank(vk.VkPhysicalDeviceVulkan12Properties);
  const vulkan11 = blank(vk.VkPhysicalDeviceVulkan11Properties, 1, vulkan12);
  const properties = blank(vk.VkPhysicalDeviceProperties2, 1, vulkan11);
  instance.commands.vkGetPhysicalDeviceProperties2(handle, properties);
  return {
    properties: unpack(vk.VkPhysicalDeviceProperties2, properties).properties,
    vulkan11: unpack(vk.VkPhysicalDeviceVulkan11Properties, vulkan11),
    vulkan12: unpack(vk.VkPhysicalDeviceVulkan12Properties, vulkan12),
  };
}

interface Memory {
  readonly heaps: readonly Heap[];
  readonly types: readonly MemoryType[];
}

function queryMemory(instance: Instance, handle: bigint): Memory {
  const out = blank(vk.VkPhysicalDeviceMemoryProperties);
  instance.commands.vkGetPhysicalDeviceMemoryProperties(handle, out);
  const memory = unpack(vk.VkPhysicalDeviceMemoryProperties, out);
  return {
    heaps: memory.memoryHeaps.slice(0, memory.memoryHeapCount).map(({ size, flags }) => ({
      bytes: Number(size),
      deviceLocal: (flags & vk.VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT) !== 0,
    })),
    types: memory.memoryTypes.slice(0, memory.memoryTypeCount).map(({ propertyFlags, heapIndex }, index) => ({
      index,
      flags: propertyFlags,
      heap: heapIndex,
    })),
  };
}

/** Whether the biggest device-local heap has a type that the host sees without flushes. */
function mainMemoryIsMapped({ heaps, types }: Memory): boolean {
  const biggest = Math.max(...heaps.filter((heap) => heap.deviceLocal).map((heap) => heap.bytes));
  const wanted = vk.VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | vk.VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
    vk.VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  return types.some((type) => heaps[type.heap]!.bytes === biggest && (type.flags & wanted) === wanted);
}

/** The family to compute on. One without graphics goes first: some drivers schedule its work with less delay. */
function findComputeQueue(
  instance: Instance,
  handle: bigint,
): { family: number; timestampBits: number } | undefined {
  const count = words(1);
  instance.commands.vkGetPhysicalDeviceQueueFamilyProperties(handle, count, null);
  const out = blank(vk.VkQueueFamilyProperties, count[0]!);
  instance.commands.vkGetPhysicalDeviceQueueFamilyProperties(handle, count, out);
  const families = Array.from({ length: count[0]! }, (_, family) => {
    const { queueFlags, timestampValidBits } = unpack(vk.VkQueueFamilyProperties, out, family);
    return { family, flags: queueFlags, timestampBits: timestampValidBits };
  }).filter(({ flags }) => flags & vk.VK_QUEUE_COMPUTE_BIT);
  return families.find(({ flags }) => !(flags & vk.VK_QUEUE_GRAPHICS_BIT)) ?? families[0];
}

function queryCapabilities(
  instance: Instance,
  handle: bigint,
  { properties, vulkan11 }: { properties: Properties; vulkan11: Vulkan11 },
  extensions: ReadonlySet<string>,
  hasQueue: boolean,
): Capabilities {
  const features = blank(vk.VkPhysicalDeviceVulkan12Features);
  instance.commands.vkGetPhysicalDeviceFeatures2(handle, blank(vk.VkPhysicalDeviceFeatures2, 1, features));
  const { limits, apiVersion } = properties;
  const inCompute = (vulkan11.subgroupSupportedStages & vk.VK_SHADER_STAGE_COMPUTE_BIT) !== 0;
  return {
    apiVersion,
    timelineSemaphores: unpack(vk.VkPhysicalDeviceVulkan12Features, features).timelineSemaphore !== 0,
    pushDescriptors: extensions.has(pushDescriptors),
    computeQueue: hasQueue,
    subgroupOperations: inCompute ? vulkan11.subgroupSupportedOperations : 0,
    subgroupSize: vulkan11.subgroupSize,
    workgroupInvocations: Math.min(limits.maxComputeWorkGroupInvocations, limits.maxComputeWorkGroupSize[0]!),
    storageBuffers: limits.maxPerStageDescriptorStorageBuffers,
    sharedMemoryBytes: limits.maxComputeSharedMemorySize,
    pushConstantBytes: limits.maxPushConstantsSize,
  };
}

function readLimits(limits: Properties["limits"], vulkan11: Vulkan11): Omit<DeviceLimits, "loopSteps"> {
  const [x, y, z] = limits.maxComputeWorkGroupSize;
  return {
    maxStorageBufferRange: limits.maxStorageBufferRange,
    maxWorkgroupCount: Math.min(...limits.maxComputeWorkGroupCount),
    maxWorkgroupSize: [x!, y!, z!],
    maxWorkgroupInvocations: limits.maxComputeWorkGroupInvocations,
    sharedMemoryBytes: limits.maxComputeSharedMemorySize,
    storageAlignment: Number(limits.minStorageBufferOffsetAlignment),
    maxAllocationBytes: Number(vulkan11.maxMemoryAllocationSize),
    maxPushConstantBytes: limits.maxPushConstantsSize,
  };
}
