import { type FileHandle, statfs } from "node:fs/promises";
import { ExplainedError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";

/** Where bytes go. Tests give one that is full. */
export interface Disk {
  write(file: FileHandle, bytes: Uint8Array, position: number): Promise<void>;
  /** Bytes that the file system of a folder has left. */
  freeBytes(folder: string): Promise<number>;
}

export const disk: Disk = {
  async write(file, bytes, position) {
    for (let done = 0; done < bytes.length;) {
      done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
    }
  },
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
};

/**
 * Refuses a download that cannot end well, before its first byte.
 *
 * @throws {ExplainedError} If `needed` bytes do not fit.
 */
export async function checkSpace(needed: number, folder: string, disk: Disk): Promise<void> {
  const free = await disk.freeBytes(folder);
  if (needed <= free) return;
  throw new ExplainedError(
    `The download needs ${formatBytes(needed)} more in ${folder}, and ${formatBytes(free)} are free`,
    `Free ${formatBytes(needed - free)}, or set HF_HOME to a folder on a larger disk`,
  );
}

/** What a failed write means to a person; every other error as it is. */
export function explainWrite(error: unknown, folder: string): unknown {
  const code = (error as { code?: unknown }).code;
  const full = ["ENOSPC", "EDQUOT", "EFBIG"].includes(String(code));
  // Of folders that are made on the way, the last ones tell of something else in their place.
  const denied = ["EACCES", "EPERM", "EROFS", "ELOOP", "ENOTDIR", "ENOENT", "EEXIST"].includes(String(code));
  if (!full && !denied) return error;
  return new ExplainedError(
    `Cannot write below ${folder}: ${
      full ? "no space is left" : "there is no folder that may be written"
    } (${code})`,
    full
      ? "Free some space and pull again: what has come is kept"
      : "Make the folder writable, or set HF_HOME to one that is",
    { cause: error },
  );
}
