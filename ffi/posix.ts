import { platform } from "node:process";
import { type Pointer, toArrayBuffer } from "bun:ffi";
import { type Functions, openLibrary } from "./library.ts";

const libcFunctions = {
  setenv: { args: ["ptr", "ptr", "i32"], returns: "i32" },
} as const;

let opened: Functions<typeof libcFunctions> | undefined;

/** The C library, opened on first use: only validation needs it. */
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

/** Sets a variable where native libraries see it: `process.env` changes only this runtime's own copy. */
export function setNativeEnvironment(name: string, value: string): void {
  if (platform === "win32") return;
  libc().setenv(cText(name), cText(value), 1);
}

function cText(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}
