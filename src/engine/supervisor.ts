import { DeviceError } from "../base/errors.ts";
import type { EngineInfo, EngineOptions, OnProgress, ToEngine } from "./protocol.ts";
import { defaultRestarts, type RestartLimits, Restarts } from "./restarts.ts";
import { type EngineMessage, EngineThread } from "./thread.ts";

export type EngineState = "ready" | "recovering" | "failed";

/** What happens to the engine as a whole, for the log. */
export type EngineNews =
  | { readonly type: "recovering"; readonly error: Error; readonly pauseMs: number }
  | { readonly type: "recovered"; readonly ms: number };

export interface SupervisorOptions {
  readonly onProgress?: OnProgress;
  /** Ends an opening that nobody wants any more, and its thread at once. */
  readonly signal?: AbortSignal;
  readonly onNews?: (news: EngineNews) => void;
  readonly restarts?: RestartLimits;
  /** How often the thread is asked for a sign of life, in ms. */
  readonly heartbeatMs?: number;
}

/** How often the engine was lost and opened again since the process was started. */
export interface EngineLosses {
  /** With the device under it, or because that ran out of memory. */
  byDevice: number;
  /** By a fault of its own, or with its thread. */
  byFault: number;
  restarts: number;
}

export interface SupervisorListener {
  onMessage(message: EngineMessage): void;
  /** The engine is gone. Either it has told every request that ran, or its thread ended and nobody was told. */
  onLost(error: Error, told: boolean): void;
  /** There is an engine again, and it knows of no request. */
  onReady(): void;
  /** There will be none any more. */
  onFailure(error: Error): void;
}

/**
 * Keeps an engine open: opens it again when it fails, on the same thread, or on a new one when that has ended. One
 * attempt at a time, each after what the engine before held is free, so that two never share the device's memory.
 */
export class Supervisor {
  readonly #options: EngineOptions;
  readonly #restarts: Restarts;
  readonly #onNews: (news: EngineNews) => void;
  readonly losses: EngineLosses = { byDevice: 0, byFault: 0, restarts: 0 };
  #listener: SupervisorListener | undefined;
  #thread: EngineThread;
  #recovering = false;
  #failure: Error | undefined;
  #endPause: (() => void) | undefined;

  private constructor(options: EngineOptions, { onNews, restarts }: SupervisorOptions) {
    this.#options = options;
    this.#restarts = new Restarts(restarts ?? defaultRestarts);
    this.#onNews = onNews ?? (() => {});
    this.#thread = this.#startThread();
  }

  /**
   * Starts the thread and loads the model. The first attempt is the only one: who starts the program is there to read
   * why it failed.
   *
   * @throws What opening device or model throws: see `Engine.open`.
   */
  static async open(
    options: EngineOptions,
    more: SupervisorOptions = {},
  ): Promise<{ supervisor: Supervisor; info: EngineInfo }> {
    const supervisor = new Supervisor(options, more);
    const thread = supervisor.#thread;
    const abandon = () => void thread.close();
    more.signal?.addEventListener("abort", abandon);
    try {
      const info = await thread.open(options, more.onProgress);
      supervisor.#restarts.served();
      return { supervisor, info };
    } catch (error) {
      await thread.close();
      throw error;
    } finally {
      more.signal?.removeEventListener("abort", abandon);
    }
  }

  get state(): EngineState {
    if (this.#failure) return "failed";
    return this.#recovering ? "recovering" : "ready";
  }

  /** Why there will be no engine any more. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  listen(listener: SupervisorListener): void {
    this.#listener = listener;
  }

  /** Nothing is sent while there is no engine: `onReady` is the time to say it again. */
  send(message: ToEngine, transfer?: ArrayBufferLike[]): void {
    if (this.state === "ready") this.#thread.send(message, transfer);
  }

  /** Frees the device and ends the thread. `error` is what is told from now on. */
  close(error: Error): Promise<void> {
    this.#end(error);
    return this.#thread.close();
  }

  #startThread(): EngineThread {
    return new EngineThread({
      onMessage: (message) => this.#listener?.onMessage(message),
      onFailed: (error) => this.#lose(error, true),
      onEnded: (error) => this.#lose(error, false),
    });
  }

  #lose(error: Error, told: boolean): void {
    if (this.#failure || this.#recovering) return; // a thread may end while its next engine is waited for
    this.#recovering = true;
    if (error instanceof DeviceError) this.losses.byDevice++;
    else this.losses.byFault++;
    this.#listener?.onLost(error, told);
    void this.#recover(error);
  }

  async #recover(cause: Error): Promise<void> {
    const begin = performance.now();
    for (let error = cause;;) {
      const pauseMs = this.#restarts.next();
      if (pauseMs === undefined) return this.#end(error);
      this.#onNews({ type: "recovering", error, pauseMs });
      await this.#pause(pauseMs);
      if (this.#failure) return;
      try {
        if (this.#thread.ended) this.#thread = this.#startThread();
        await this.#thread.open(this.#options);
        break;
      } catch (failed) {
        if (this.#failure) return;
        error = failed instanceof Error ? failed : new Error(String(failed));
      }
    }
    if (this.#failure) return;
    this.#recovering = false;
    this.#restarts.served();
    this.losses.restarts++;
    this.#onNews({ type: "recovered", ms: performance.now() - begin });
    this.#listener?.onReady();
  }

  /** A pause that `close` ends: its timer would keep the process waiting. */
  #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#endPause = () => {
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }

  #end(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#endPause?.();
    this.#listener?.onFailure(error);
  }
}
