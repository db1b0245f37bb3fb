import { platform } from "node:process";
import { type Pointer, toArrayBuffer } from "bun:ffi";
import { type Functions, openLibrary } from "./library.ts";

const libcFunctions = {
  setenv: { args: ["ptr", "ptr", "i32"], returns: "i32" },
  mmap: { args: ["u64", "u64", "i32", "i32", "i32", "u64"], returns: "u64" },
  madvise: { args: ["u64", "u64", "i32"], returns: "i32" },
  munmap: { args: ["u64", "u64"], returns: "i32" },
} as const;
/** Values of Linux. */
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MAP_FAILED = 2n ** 64n - 1n;
const MADV_HUGEPAGE = 14;

let opened: Functions<typeof libcFunctions> | undefined;

/** The C library, opened on first use. */
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
 * Takes zero-filled memory from the system, on Linux, in large pages where the system gives them.
 *
 * @returns Its address, or `undefined` when the system refuses.
 */
export function mapLargePages(bytes: number): number | undefined {
  const address = libc().mmap(0n, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0n);
  if (address === MAP_FAILED) return undefined;
  libc().madvise(address, bytes, MADV_HUGEPAGE); // a system without large pages gives small ones
  return Number(address);
}

/** Gives memory of `mapLargePages` back. Nothing may look at it any more. */
export function unmapPages(address: number, bytes: number): void {
  libc().munmap(address, bytes);
}

/** Sets a variable where native libraries see it: `process.env` changes only this runtime's own copy. */
export function setNativeEnvironment(name: string, value: string): void {
  if (platform === "win32") return;
  libc().setenv(cText(name), cText(value), 1);
}

function cText(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}
