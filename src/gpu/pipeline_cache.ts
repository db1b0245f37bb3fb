import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pid } from "node:process";
import type { DeviceInfo } from "./device_info.ts";

const digestBytes = 32;
const headerBytes = 32;

/**
 * A driver's pipeline cache on disk: SHA-256 of the data, then the data. Losing it costs compile time and
 * nothing else, so whatever is wrong with a file or a directory means "no cache", never an error.
 */
export class PipelineCacheFile {
  readonly path: string;

  constructor(private readonly directory: string, private readonly info: DeviceInfo) {
    const version = info.driverVersion.toString(16).padStart(8, "0");
    this.path = join(directory, `pipelines-${info.deviceUuid}-${info.pipelineCacheUuid}-${version}.bin`);
  }

  /** The data, if the file is whole and belongs to this device and driver. */
  load(): Uint8Array | undefined {
    try {
      const file = new Uint8Array(readFileSync(this.path));
      const data = file.slice(digestBytes);
      const whole = digest(data).equals(file.subarray(0, digestBytes));
      return whole && this.#belongs(data) ? data : undefined;
    } catch {
      return undefined; // Not there, or not readable: the same as the first start.
    }
  }

  /** Replaces the file in one step, so that a reader or a crash never sees half of it. */
  save(data: Uint8Array): boolean {
    const temporary = `${this.path}.${pid}.tmp`;
    try {
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      writeFileSync(temporary, Buffer.concat([digest(data), data]), { mode: 0o600 });
      renameSync(temporary, this.path);
      return true;
    } catch {
      // A full or read-only disk: the next start compiles again.
      if (existsSync(temporary)) rmSync(temporary, { force: true });
      return false;
    }
  }

  /** Compares the header that Vulkan prescribes: size, version 1, vendor, device, UUID. */
  #belongs(data: Uint8Array): boolean {
    if (data.length < headerBytes) return false;
    const view = new DataView(data.buffer, data.byteOffset);
    const uuid = data.subarray(16, headerBytes).toHex();
    return view.getUint32(0, true) === headerBytes && view.getUint32(4, true) === 1 &&
      view.getUint32(8, true) === this.info.vendorId && view.getUint32(12, true) === this.info.deviceId &&
      uuid === this.info.pipelineCacheUuid;
  }
}

function digest(data: Uint8Array): Buffer {
  return createHash("sha256").update(data).digest();
}
