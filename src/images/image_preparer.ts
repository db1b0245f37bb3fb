import { RequestError } from "../base/errors.ts";
import type { DecodeOptions } from "./decode.ts";
import type { PreparedImage, TileOptions } from "./tiles.ts";

export interface PrepareOptions extends DecodeOptions, TileOptions {}

/** A picture, or that a picture is given up: then there is no answer. */
export type ToImageWorker =
  | {
    readonly id: number;
    readonly bytes: Uint8Array;
    readonly options: Omit<PrepareOptions, "signal">;
  }
  | { readonly id: number; readonly abort: true };

export interface FromImageWorker {
  readonly id: number;
  readonly image?: PreparedImage;
  readonly refusal?: { readonly message: string; readonly details: RequestError["details"] };
}

/** What the DOM's type of a worker does not have: whether it keeps the process alive. */
type CountedWorker = Worker & { ref(): void; unref(): void };

interface Waiting {
  resolve(image: PreparedImage): void;
  reject(error: Error): void;
}

/**
 * Decodes and resizes pictures in a worker of its own. The worker starts with the first picture, is there for all
 * that follow, and keeps the process alive only while it has work. How many pictures it has in hand at a time is
 * bounded by `decodeImage`.
 */
export class ImagePreparer {
  #worker: CountedWorker | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;

  /**
   * Decodes a picture file and fits it to its canvas: `prepareImage(await decodeImage(bytes), …)`.
   *
   * @throws {RequestError} Code `invalid_image`, as `decodeImage` says.
   * @throws The signal's reason, when it is aborted.
   */
  async prepare(bytes: Uint8Array, { signal, ...options }: PrepareOptions): Promise<PreparedImage> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<PreparedImage>();
    const worker = this.#worker ??= this.#start();
    const id = this.#nextId++;
    if (this.#waiting.size === 0) worker.ref();
    this.#waiting.set(id, { resolve, reject });
    worker.postMessage({ id, bytes, options } satisfies ToImageWorker);
    const onAbort = () => {
      worker.postMessage({ id, abort: true } satisfies ToImageWorker);
      this.#take(id)?.reject(signal!.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Ends the worker. Pictures in hand are given up. */
  close(): void {
    this.#worker?.terminate();
    this.#fail(new Error("The image worker was closed"));
  }

  #start(): CountedWorker {
    const worker = new Worker(new URL("./image_worker.ts", import.meta.url)) as CountedWorker;
    worker.onmessage = ({ data }: MessageEvent<FromImageWorker>) => this.#receive(data);
    worker.onerror = ({ message }) => {
      worker.terminate();
      this.#fail(new Error(`The image worker stopped: ${message}`));
    };
    return worker;
  }

  /** The picture is no longer in hand. */
  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker?.unref();
    return waiting;
  }

  #receive({ id, image, refusal }: FromImageWorker): void {
    const waiting = this.#take(id);
    if (image) waiting?.resolve(image);
    else waiting?.reject(new RequestError(refusal!.message, refusal!.details));
  }

  /** The next picture starts a new worker. */
  #fail(error: Error): void {
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
