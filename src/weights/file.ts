import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { assert } from "../base/assert.ts";
import { isEmbedded } from "../base/embedded.ts";
import { ModelError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";

/** One system call moves at most this much; Linux stops just below 2 GiB. */
const maxReadBytes = 2 ** 30;

/** A file that is read by position, from the disk or out of the executable. */
export abstract class WeightFile {
  #open = true;

  /** @param size bytes of the file, taken once, at opening */
  protected constructor(readonly path: string, readonly size: number) {}

  /** Whether another thread can open the path and read for itself. */
  abstract readonly onDisk: boolean;

  /**
   * Bytes `[position, position + length)` in fresh memory. The range must lie in the file as it was opened.
   */
  read(position: number, length: number): Uint8Array {
    assert(0 <= position && position + length <= this.size, `read [${position}, +${length}) of ${this.path}`);
    const target = new Uint8Array(length);
    this.readInto(position, target);
    return target;
  }

  /** Fills `target` from `position` on. @throws {ModelError} If the file ends early or the device fails. */
  readInto(position: number, target: Uint8Array): void {
    assert(this.#open, `read of closed ${this.path}`);
    this.fill(position, target);
  }

  /** Releases what the file holds. Safe to call twice. */
  close(): void {
    if (this.#open) this.release();
    this.#open = false;
  }

  protected abstract fill(position: number, target: Uint8Array): void;
  protected abstract release(): void;
}

/**
 * Opens a regular file.
 *
 * @throws {ModelError} If there is no regular file or it cannot be opened.
 */
export function openWeightFile(path: string): WeightFile {
  // Looked at before it is opened: opening a named pipe would wait for ever.
  if (!attempt(path, () => statSync(path)).isFile()) refuse(path, "must be a regular file");
  return isEmbedded(path)
    ? new MemoryFile(path, attempt(path, () => readFileSync(path)))
    : new DiskFile(path, attempt(path, () => openSync(path, "r")));
}

/** Read by system calls: when the file shrinks, a read ends short and throws, and nothing crashes. */
class DiskFile extends WeightFile {
  readonly onDisk = true;
  readonly #descriptor: number;

  constructor(path: string, descriptor: number) {
    super(path, fstatSync(descriptor).size);
    this.#descriptor = descriptor;
  }

  protected override fill(position: number, target: Uint8Array): void {
    let done = 0;
    while (done < target.length) {
      const want = Math.min(target.length - done, maxReadBytes);
      const have = attempt(this.path, () => readSync(this.#descriptor, target, done, want, position + done));
      if (have === 0) refuseShort(this.path, position + target.length, position + done);
      done += have;
    }
  }

  protected override release(): void {
    closeSync(this.#descriptor);
  }
}

/** A file whose bytes are all at hand, until it is closed. */
export class MemoryFile extends WeightFile {
  readonly onDisk = false;
  #bytes: Uint8Array<ArrayBuffer>;

  /** @param bytes taken over: they are gone when the file is closed */
  constructor(path: string, bytes: Uint8Array<ArrayBuffer>) {
    assert(bytes.length === bytes.buffer.byteLength, `bytes of ${path} that others have, too`);
    super(path, bytes.length);
    this.#bytes = bytes;
  }

  protected override fill(position: number, target: Uint8Array): void {
    const end = position + target.length;
    if (end > this.size) refuseShort(this.path, end, this.size);
    target.set(this.#bytes.subarray(position, end));
  }

  /** Gives the memory back now: the collector does not hurry for bytes that lie outside of its heap. */
  protected override release(): void {
    this.#bytes.buffer.transfer(0);
    this.#bytes = new Uint8Array(0);
  }
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const fault = code === "ENOENT"
      ? "the file is missing"
      : code === "EACCES"
      ? "no permission to read"
      : String(error);
    throw new ModelError(
      `Cannot load ${quote(path, 1000)}: ${fault}`,
      "Check that the file exists, that it is complete and that this user may read it.",
      { cause: error },
    );
  }
}

function refuseShort(path: string, need: number, end: number): never {
  refuse(path, `must hold ${need} bytes, ends at byte ${end}`);
}

function refuse(path: string, fault: string): never {
  throw new ModelError(
    `Cannot load ${quote(path, 1000)}: ${fault}`,
    "Something replaced or truncated the file: download it again and restart.",
  );
}
