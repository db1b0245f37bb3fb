import { DeviceError } from "../base/errors.ts";
import type { DeviceInfo, DeviceLimits } from "../gpu/device.ts";
import { type ShapeTable, tableBytes } from "./shapes.ts";

/** What a model takes on the device, all of it allocated at load. */
export interface MemoryPlan {
  readonly parts: readonly { readonly name: string; readonly bytes: number }[];
  readonly totalBytes: number;
  /** Bytes of the heap that it has to fit. */
  readonly heapBytes: number;
}

/** Adds up the parts. */
export function memoryPlan(
  weightBytes: number,
  tables: Readonly<Record<string, readonly ShapeTable[]>>,
  device: DeviceInfo,
): MemoryPlan {
  const parts = [
    { name: "weights", bytes: weightBytes },
    ...Object.entries(tables).map(([name, list]) => ({ name, bytes: tableBytes(...list) })),
  ];
  return {
    parts,
    totalBytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    heapBytes: deviceHeapBytes(device),
  };
}

/**
 * Refuses a plan that the device cannot hold, before anything is allocated.
 *
 * @throws {DeviceError} Naming the need, what there is, and the settings that shrink it.
 */
export function checkPlan(plan: MemoryPlan, device: DeviceInfo): void {
  if (plan.totalBytes <= plan.heapBytes || device.type === "cpu") return; // CPU drivers report a nominal heap
  const parts = plan.parts.map(({ name, bytes }) => `${name} ${gib(bytes)}`).join(", ");
  throw new DeviceError(
    `The model needs ${gib(plan.totalBytes)} (${parts}), ${device.name} has ${gib(plan.heapBytes)}`,
    "Lower --ctx-size or --image-tiles, or choose another device with --device",
  );
}

/**
 * Refuses a cache whose tensors are larger than one shader may see.
 *
 * @throws {DeviceError} Naming the setting and the most it may be.
 */
export function checkCacheViews(
  limits: DeviceLimits,
  caches: readonly { readonly flag: string; readonly value: number; readonly bytesPerUnit: number }[],
): void {
  for (const { flag, value, bytesPerUnit } of caches) {
    const most = Math.floor(limits.maxStorageBufferRange / bytesPerUnit);
    if (value > most) {
      throw new DeviceError(
        `${flag} ${value} needs ${
          value * bytesPerUnit
        } bytes in one buffer, this driver allows ${limits.maxStorageBufferRange}`,
        `Use ${flag} ${most} or less`,
      );
    }
  }
}

function deviceHeapBytes(device: DeviceInfo): number {
  return Math.max(0, ...device.heaps.filter((heap) => heap.deviceLocal).map((heap) => heap.bytes));
}

function gib(bytes: number): string {
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(0)} MiB` : `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
