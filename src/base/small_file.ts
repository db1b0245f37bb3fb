import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { isEmbedded } from "./embedded.ts";
import { ModelError } from "./errors.ts";
import { quote } from "./quote.ts";

/**
 * Text of one of a checkpoint's small files, in UTF-8. It is looked at before it is opened, because opening a named
 * pipe would wait for ever, and never more than `maxBytes` of it are read, because a device has no end.
 *
 * @returns undefined when there is no such file
 * @throws {ModelError} If it is no regular file, is larger than `maxBytes`, or cannot be read.
 */
export function readSmallFile(path: string, maxBytes: number): string | undefined {
  try {
    const entry = statSync(path, { throwIfNoEntry: false });
    if (entry === undefined) return undefined;
    if (!entry.isFile()) throw unreadable(path, "must be a regular file, and it is not");
    // What is inside the executable is what we put there, and cannot be opened.
    return decode(isEmbedded(path) ? readFileSync(path) : readBounded(path, maxBytes));
  } catch (error) {
    if (error instanceof ModelError) throw error;
    const code = (error as { code?: unknown }).code ?? (error as Error).message;
    throw unreadable(path, `must be readable, and the system says ${code}`, error);
  }
}

function readBounded(path: string, maxBytes: number): Uint8Array {
  const descriptor = openSync(path, "r");
  try {
    const entry = fstatSync(descriptor);
    if (!entry.isFile()) throw unreadable(path, "must be a regular file, and it is not");
    if (entry.size > maxBytes) {
      throw unreadable(path, `must have at most ${maxBytes} bytes, and it has ${entry.size}`);
    }
    const bytes = new Uint8Array(entry.size);
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(descriptor, bytes, done, bytes.length - done, done);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  } finally {
    closeSync(descriptor);
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

function unreadable(path: string, problem: string, cause?: unknown): ModelError {
  return new ModelError(`Cannot read ${quote(path)}: it ${problem}`, "Download the file again.", { cause });
}
