import { ptr } from "bun:ffi";
import { ModelError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";

/** A range of a file, and the memory that it goes to. */
export interface ReadJob {
  readonly path: string;
  readonly position: number;
  readonly address: number;
  readonly byteLength: number;
}

/** What a reader thread is told. `counters` is [jobs done, jobs failed], shared. */
export interface ToReader {
  readonly job: ReadJob;
  readonly counters: Int32Array;
}

/** Jobs are cut to this size, so that the threads share a large tensor. */
const pieceBytes = 32 << 20;

/** Longest wait for the threads before they count as dead: a piece takes milliseconds from the page cache. */
const timeoutMs = 120_000;

/**
 * Reads file ranges into memory on several threads. Copying out of the page cache is fast; giving memory its first
 * pages is not, and that is what the threads share.
 */
export class ParallelReader {
  readonly #workers: Worker[];
  readonly #counters = new Int32Array(new SharedArrayBuffer(8));
  readonly #jobs: ReadJob[] = [];

  constructor(threads: number) {
    this.#workers = Array.from(
      { length: threads },
      () => new Worker(new URL("./reader_worker.ts", import.meta.url)),
    );
  }

  /** Begins to fill `target`, which must be memory outside of JavaScript's heap, and stay there until `settle`. */
  read(path: string, position: number, target: Uint8Array): void {
    const address = Number(ptr(target));
    for (let begin = 0; begin < target.length; begin += pieceBytes) {
      const byteLength = Math.min(pieceBytes, target.length - begin);
      const job = { path, position: position + begin, address: address + begin, byteLength };
      this.#workers[this.#jobs.length % this.#workers.length]!.postMessage({ job, counters: this.#counters });
      this.#jobs.push(job);
    }
  }

  /**
   * Waits until everything begun is read. Blocks the thread.
   *
   * @throws {ModelError} If a file ended early or could not be read.
   */
  settle(): void {
    const jobs = this.#jobs.splice(0);
    for (;;) {
      const done = Atomics.load(this.#counters, 0);
      if (done === jobs.length) break;
      if (Atomics.wait(this.#counters, 0, done, timeoutMs) === "timed-out") {
        throw new Error(`Reading weights has stopped after ${done} of ${jobs.length} pieces`);
      }
    }
    Atomics.store(this.#counters, 0, 0);
    if (Atomics.exchange(this.#counters, 1, 0) === 0) return;
    const paths = [...new Set(jobs.map(({ path }) => quote(path, 1000)))];
    throw new ModelError(
      `Cannot load ${paths.join(" or ")}: a file ended early or could not be read`,
      "Something replaced or truncated the file: download it again and restart.",
    );
  }

  close(): void {
    for (const worker of this.#workers) worker.terminate();
  }
}
