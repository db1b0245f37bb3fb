import { type DeviceInfo, listDevices } from "../gpu/device.ts";
import { deviceHeapBytes } from "../model/plan.ts";

/** A Vulkan device of this machine, as people and programs choose one. */
export type FoundDevice =
  & Pick<
    DeviceInfo,
    | "index"
    | "name"
    | "type"
    | "driverName"
    | "driverInfo"
    | "apiVersion"
    | "subgroupSize"
    | "heaps"
    | "missing"
  >
  & {
    /** What a memory plan has to fit: the largest heap, or with a CPU driver, whose heap is nominal, the host's memory. */
    readonly memoryBytes: number;
  };

/**
 * All devices of this machine, in the order of their numbers.
 *
 * @throws {DeviceError} If there is no Vulkan loader or driver.
 */
export function findDevices(): FoundDevice[] {
  return listDevices().map((info) => {
    const { index, name, type, driverName, driverInfo, apiVersion, subgroupSize, heaps, missing } = info;
    const memoryBytes = deviceHeapBytes(info);
    return {
      index,
      name,
      type,
      driverName,
      driverInfo,
      apiVersion,
      subgroupSize,
      memoryBytes,
      heaps,
      missing,
    };
  });
}
