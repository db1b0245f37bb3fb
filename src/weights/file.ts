import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { assert } from "../base/assert.ts";
import { ModelError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";

/** One system call moves at most this much; Linux stops just below 2 GiB. */
const maxReadBytes = 2 ** 30;

/**
 * A regular file that is read by position. Its size is taken once, at opening: when it shrinks later, a read
 * ends short and throws, and nothing crashes.
 */
export class WeightFile {
  readonly size: number;
  readonly #descriptor: number;
  #open = true;

  /** @throws {ModelError} If there is no regular file or it cannot be opened. */
  constructor(readonly path: string) {
    // Looked at before it is opened: opening a named pipe would wait for ever.
    if (!attempt(path, () => statSync(path)).isFile()) refuse(path, "must be a regular file");
    this.#descriptor = attempt(path, () => openSync(path, "r"));
    this.size = fstatSync(this.#descriptor).size;
  }

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
    let done = 0;
    while (done < target.length) {
      const want = Math.min(target.length - done, maxReadBytes);
      const have = attempt(this.path, () => readSync(this.#descriptor, target, done, want, position + done));
      if (have === 0) {
        refuse(this.path, `must hold ${position + target.length} bytes, ends at byte ${position + done}`);
      }
      done += have;
    }
  }

  close(): void {
    if (this.#open) closeSync(this.#descriptor);
    this.#open = false;
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

function refuse(path: string, fault: string): never {
  throw new ModelError(
    `Cannot load ${quote(path, 1000)}: ${fault}`,
    "Something replaced or truncated the file: download it again and restart.",
  );
}
