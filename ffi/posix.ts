import { readSync } from "node:fs";
import { platform } from "node:process";
import { type Pointer, toArrayBuffer } from "bun:ffi";
import { type Functions, openLibrary } from "./library.ts";

const libcFunctions = {
  pread: { args: ["i32", "ptr", "u64", "u64"], returns: "u64" },
  setenv: { args: ["ptr", "ptr", "i32"], returns: "i32" },
} as const;

let opened: Functions<typeof libcFunctions> | undefined;

/** The C library, opened on first use: most commands never read weights. */
function libc(): Functions<typeof libcFunctions> {
  const candidates = platform === "darwin"
    ? ["libSystem.B.dylib"]
    : ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];
  return opened ??= openLibrary(candidates, libcFunctions).functions;
}

/**
 * Bytes of memory that is not ours, as an array. The memory must stay mapped while the array is used.
 *
 * @throws {RangeError} Beyond 4 GiB, the longest ArrayBuffer.
 */
export function viewMemory(address: number, byteLength: number): Uint8Array {
  if (byteLength === 0) return new Uint8Array(0);
  return new Uint8Array(toArrayBuffer(address as Pointer, 0, byteLength));
}

/**
 * Reads a range of a file straight into memory, without a mapping that another process could truncate.
 *
 * @param fd From `node:fs`'s `openSync`
 * @param address Where the bytes go; `byteLength` bytes there must be writable
 * @returns Bytes read: fewer than asked only at the end of the file.
 * @throws {Error} If the system refuses the read.
 */
export function readAt(fd: number, fileOffset: number, byteLength: number, address: number): number {
  let done = 0;
  while (done < byteLength) {
    const count = readSome(fd, fileOffset + done, byteLength - done, address + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

// Linux never moves more than this in one call; macOS refuses more than 2^31 - 1.
const longestRead = 0x7ffff000;

function readSome(fd: number, fileOffset: number, byteLength: number, address: number): number {
  const length = Math.min(byteLength, longestRead);
  if (platform !== "win32") {
    const count = Number(BigInt.asIntN(64, libc().pread(fd, address, length, fileOffset)));
    if (count >= 0) return count;
  }
  // On Windows the only way; elsewhere the second try, which retries what a signal broke off or throws with the
  // system's own reason (errno cannot be read reliably after a foreign call returns).
  return readSync(fd, viewMemory(address, length), 0, length, fileOffset);
}

/** Sets a variable where native libraries see it: `process.env` changes only this runtime's own copy. */
export function setNativeEnvironment(name: string, value: string): void {
  if (platform === "win32") return;
  libc().setenv(cText(name), cText(value), 1);
}

function cText(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}
