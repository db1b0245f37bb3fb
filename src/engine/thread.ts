import { rebuildError } from "./error_report.ts";
import type { EngineInfo, EngineOptions, FromEngine, OnProgress, ToEngine } from "./protocol.ts";

/** What an open engine says. */
export type EngineMessage = Exclude<FromEngine, { type: "progress" | "ready" | "failed" | "closed" }>;

export interface ThreadListener {
  onMessage(message: EngineMessage): void;
  /** The engine has failed and freed its device; the thread is there and can open another. */
  onFailed(error: Error): void;
  /** The thread is gone, and with it all that ran there. */
  onEnded(error: Error): void;
}

/** Longest wait for the step under way when a thread is closed: a person has pressed Ctrl-C. */
const closeGraceMs = 1000;

/** The main thread's side of one worker thread: opens engines on it, one after the other. */
export class EngineThread {
  readonly #worker: Worker;
  readonly #listener: ThreadListener;
  #opening:
    | { resolve(info: EngineInfo): void; reject(error: Error): void; onProgress: OnProgress }
    | undefined;
  /** What an uncaught exception has said; the thread ends after it. */
  #lastWords: string | undefined;
  #ended = false;
  /** The device is free, or its thread has ended. */
  readonly #released = Promise.withResolvers<void>();

  constructor(listener: ThreadListener) {
    this.#listener = listener;
    const worker = this.#worker = new Worker(new URL("./worker.ts", import.meta.url));
    worker.onmessage = ({ data }: MessageEvent<FromEngine>) => this.#receive(data);
    worker.onerror = ({ message }) => this.#lastWords ??= message;
    // Its memory is free only now: an exception is told before the thread has cleaned up after itself.
    worker.addEventListener("close", () => this.#end());
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Opens an engine. What an engine before it held is free by then.
   *
   * @throws What opening device or model throws: see `Engine.open`.
   */
  open(options: EngineOptions, onProgress: OnProgress = () => {}): Promise<EngineInfo> {
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject, onProgress };
      this.send({ type: "open", options });
    });
  }

  send(message: ToEngine, transfer: ArrayBufferLike[] = []): void {
    this.#worker.postMessage(message, transfer as ArrayBuffer[]);
  }

  /**
   * Frees the device and ends the thread. One that is deep in a long step is not waited for: the system frees what it
   * holds. The listener hears nothing more.
   */
  async close(): Promise<void> {
    const alive = !this.#ended;
    this.#stop(new Error("The engine was closed"));
    if (alive) {
      this.send({ type: "close" });
      await Promise.race([this.#released.promise, Bun.sleep(closeGraceMs)]);
    }
    this.#worker.terminate();
  }

  #receive(message: FromEngine): void {
    const opening = this.#opening;
    if (message.type === "closed") {
      this.#released.resolve();
    } else if (this.#ended) {
      return;
    } else if (message.type === "progress") {
      opening?.onProgress(message.done, message.total, message.stage);
    } else if (message.type === "ready") {
      this.#opening = undefined;
      opening?.resolve(message.info);
    } else if (message.type === "failed") {
      this.#opening = undefined;
      const error = rebuildError(message.error);
      if (opening) opening.reject(error);
      else this.#listener.onFailed(error);
    } else {
      this.#listener.onMessage(message);
    }
  }

  #end(): void {
    this.#released.resolve();
    if (this.#ended) return;
    const why = "its thread has ended";
    // What an exception says holds source lines: for the log, not for a client.
    const cause = this.#lastWords;
    const wasOpening = this.#opening !== undefined;
    this.#stop(new Error(`The engine could not start: ${why}`, { cause }));
    if (!wasOpening) this.#listener.onEnded(new Error(`The engine stopped: ${why}`, { cause }));
  }

  #stop(error: Error): void {
    this.#ended = true;
    this.#opening?.reject(error);
    this.#opening = undefined;
  }
}
