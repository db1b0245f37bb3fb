import { formatBytes } from "../base/units.ts";
import type { DeviceInfo } from "../gpu/device.ts";

/**
 * The memory that a plan has to fit, as every command tells it: `"24.0 GB"`, and of a device without memory of its own
 * `"25.3 GB of the host"`.
 */
export function describeDeviceMemory(type: DeviceInfo["type"], bytes: number): string {
  return `${formatBytes(bytes)}${type === "cpu" || type === "integrated" ? " of the host" : ""}`;
}
