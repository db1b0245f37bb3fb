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

/** A setting that a part of the plan grows with. */
export interface PartSetting {
  /** Name of the part. */
  readonly part: string;
  readonly value: number;
  /** The least that is of use, and in what steps it is taken. */
  readonly least: number;
  readonly multiple: number;
  /** The flag that makes it `most`. */
  readonly flag: (most: number) => string;
}

/**
 * Refuses a plan that the device cannot hold, before anything is allocated.
 *
 * @param settings what can be made smaller
 * @throws {DeviceError} Naming the need, what there is, what is missing, and what would make it fit.
 */
export function checkPlan(plan: MemoryPlan, device: DeviceInfo, settings: readonly PartSetting[] = []): void {
  const { totalBytes, heapBytes } = plan;
  if (totalBytes <= heapBytes) return;
  const parts = plan.parts.map(({ name, bytes }) => `${name} ${gib(bytes)}`).join(", ");
  throw new DeviceError(
    `The model needs ${gib(totalBytes)} (${parts}), ${device.name} has ${gib(heapBytes)}: ${
      gib(totalBytes - heapBytes)
    } too little`,
    whatFits(plan, settings),
  );
}

function whatFits({ parts, totalBytes, heapBytes }: MemoryPlan, settings: readonly PartSetting[]): string {
  const otherDevice = `a device with ${gib(totalBytes)} of memory (--device)`;
  const weights = parts.find(({ name }) => name === "weights")!;
  if (weights.bytes > heapBytes) return `Not even the weights fit: use a smaller model, or ${otherDevice}`;
  const flags = settings.flatMap(({ part, value, least, multiple, flag }) => {
    const { bytes } = parts.find(({ name }) => name === part)!;
    const unitBytes = bytes / value;
    const most = Math.floor((bytes - (totalBytes - heapBytes)) / unitBytes / multiple) * multiple;
    return most >= least ? [`${flag(most)} ${most}`] : [];
  });
  const smaller = flags.length > 0
    ? `Use ${flags.join(" or ")}`
    : "Lower --ctx-size, --image-tiles and --max-num-seqs";
  return `${smaller}, or use ${otherDevice}`;
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
