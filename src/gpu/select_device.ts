import { DeviceError } from "../base/errors.ts";
import type { DeviceType, PhysicalDevice } from "./device_info.ts";

const order: readonly DeviceType[] = ["discrete", "integrated", "virtual", "cpu", "other"];

/**
 * Picks the device to use: by index, by type, by part of the name, or the first usable one in the order
 * discrete, integrated, virtual, CPU.
 *
 * @throws {DeviceError} If there is none, or the one asked for cannot be used.
 */
export function selectDevice(devices: readonly PhysicalDevice[], select?: string): PhysicalDevice {
  const wanted = select === undefined || select === ""
    ? devices
    : devices.filter((device) => matches(device, select));
  const usable = wanted.filter((device) => device.info.missing.length === 0);
  const ranked = usable.toSorted((a, b) => order.indexOf(a.info.type) - order.indexOf(b.info.type));
  if (ranked[0]) return ranked[0];
  const list = devices.map(({ info }) => `${info.index} "${info.name}" (${info.type})`).join(", ") || "none";
  if (wanted.length === 0 && devices.length > 0) {
    throw new DeviceError(
      `Cannot open the device "${select}": it must be an index, a type or part of the name of ${list}`,
      "Choose one of these with --device; where none is chosen, the best of them is used",
    );
  }
  const first = wanted[0];
  if (first) {
    throw new DeviceError(
      `Cannot use "${first.info.name}": it lacks ${first.info.missing.join(" and ")}`,
      "Update its driver, or choose another device with --device; `llamav doctor` lists them",
    );
  }
  throw new DeviceError(
    "Cannot find a Vulkan device: the loader works but lists none",
    "Install a Vulkan driver: the vendor's, or on Debian and Ubuntu `apt install mesa-vulkan-drivers`, which also computes on the CPU",
  );
}

function matches({ info }: PhysicalDevice, select: string): boolean {
  if (/^\d+$/.test(select)) return info.index === Number(select);
  const lower = select.toLowerCase();
  return info.type === lower || info.name.toLowerCase().includes(lower);
}
