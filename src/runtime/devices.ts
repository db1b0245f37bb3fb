import { type DeviceInfo, listDevices } from "../gpu/device.ts";

/** A Vulkan device of this machine, as people and programs choose one. */
export type FoundDevice = Pick<
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
>;

/**
 * All devices of this machine, in the order of their numbers.
 *
 * @throws {DeviceError} If there is no Vulkan loader or driver.
 */
export function findDevices(): FoundDevice[] {
  return listDevices().map((
    { index, name, type, driverName, driverInfo, apiVersion, subgroupSize, heaps, missing },
  ) => ({ index, name, type, driverName, driverInfo, apiVersion, subgroupSize, heaps, missing }));
}
