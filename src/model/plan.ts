import { totalmem } from "node:os";
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
  if (plan.totalBytes <= plan.heapBytes) return;
  const parts = plan.parts.map(({ name, bytes }) => `${name} ${gib(bytes)}`).join(", ");
  throw new DeviceError(
    `The model needs ${gib(plan.totalBytes)} (${parts}), ${device.name} has ${gib(plan.heapBytes)}`,
    "Lower --ctx-size or --image-tiles, or choose another device with --device",
  );
}

/** A setting whose size the driver bounds. */
export interface BoundedSetting {
  readonly flag: string;
  readonly value: number;
  /** Bytes that one more takes in one buffer. */
  readonly unitBytes: number;
  /** Keys that one more lets a row attend to. */
  readonly unitKeys: number;
  /** Memory is taken in multiples of this; left out, one by one. */
  readonly multiple?: number;
}

/**
 * Refuses a setting that makes a buffer larger than a shader may see, or a row attend to more keys than it can.
 *
 * @param mostKeys see ops/attention_tile.ts
 * @throws {DeviceError} Naming the setting and the most it may be.
 */
export function checkSetting(
  { flag, value, unitBytes, unitKeys, multiple = 1 }: BoundedSetting,
  { maxStorageBufferRange }: DeviceLimits,
  mostKeys: number,
): void {
  const mostUnits = Math.floor(maxStorageBufferRange / (unitBytes * multiple)) * multiple;
  const most = Math.min(mostUnits, Math.floor(mostKeys / unitKeys));
  if (value <= most) return;
  const bytes = Math.ceil(value / multiple) * multiple * unitBytes;
  const needs = [
    bytes > maxStorageBufferRange &&
    `${bytes} bytes in one buffer, of which the driver allows ${maxStorageBufferRange}`,
    value * unitKeys > mostKeys &&
    `${value * unitKeys} keys in one pass, of which the driver manages ${mostKeys}`,
  ];
  throw new DeviceError(
    `${flag} ${value} needs ${needs.filter(Boolean).join(" and ")}`,
    `Use ${flag} ${most} or less, or a newer driver`,
  );
}

/** CPU drivers report a nominal heap: theirs is the host's memory. */
export function deviceHeapBytes(device: DeviceInfo): number {
  if (device.type === "cpu") return totalmem();
  return Math.max(0, ...device.heaps.filter((heap) => heap.deviceLocal).map((heap) => heap.bytes));
}

function gib(bytes: number): string {
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(0)} MiB` : `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
