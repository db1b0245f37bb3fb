import type { Device } from "../../src/gpu/device.ts";
import type { DeviceInfo, DeviceLimits } from "../../src/gpu/device_info.ts";

/** The same device as seen by operations, with lower limits: to test with little data what needs gigabytes. */
export function limitDevice(device: Device, limits: Partial<DeviceLimits>): Device {
  return overrideDevice(device, { limits: { ...device.limits, ...limits } });
}

/**
 * The device as it is, and one of the other kind. Operations choose workgroups by the type of the device; both
 * choices must be right on every device, so that the kernels of GPUs are tested where there is none.
 */
export function bothDeviceTypes(device: Device): readonly (readonly [name: string, device: Device])[] {
  const info = (type: DeviceInfo["type"]) => overrideDevice(device, { info: { ...device.info, type } });
  return [["CPU shape", info("cpu")], ["GPU shape", info("discrete")]];
}

/** The device as if its memory were not the host's: device arenas are not mapped and uploads go through staging. */
export function withoutUnifiedMemory(device: Device): Device {
  return overrideDevice(device, { info: { ...device.info, unifiedMemory: false } });
}

/** The device as a graphics card would look: its workgroups, its own memory, the coarsest alignment that is allowed. */
export function asDiscrete(device: Device): Device {
  const info = { ...device.info, type: "discrete" as const, unifiedMemory: false };
  return limitDevice(overrideDevice(device, { info }), { storageAlignment: 256 });
}

/** The device with some members replaced, for whoever is given it. */
export function overrideDevice(
  device: Device,
  members: Partial<Pick<Device, "limits" | "info" | "physical" | "commands" | "create">>,
): Device {
  return new Proxy(device, {
    get(target, key) {
      if (Object.hasOwn(members, key)) return Reflect.get(members, key);
      const member: unknown = Reflect.get(target, key, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
