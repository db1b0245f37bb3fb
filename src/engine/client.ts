import { assert } from "../base/assert.ts";
import { rebuildError } from "./error_report.ts";
import type {
  EngineEvent,
  EngineInfo,
  EngineOptions,
  EngineRequest,
  FromEngine,
  ToEngine,
  TraceRequest,
  TraceResult,
} from "./protocol.ts";

/** Longest wait for the step under way when the engine is closed: a person has pressed Ctrl-C. */
const closeGraceMs = 1000;

type SequenceEvent = Exclude<EngineEvent, { type: "error" }>;

/** The main thread's end of the engine: requests in, events out, over messages only. */
export class EngineClient {
  readonly #worker: Worker;
  readonly #sequences = new Map<number, Inbox>();
  readonly #traces = new Map<number, { resolve(result: TraceResult): void; reject(error: Error): void }>();
  #nextId = 1;
  #closing: Promise<void> | undefined;
  #onClosed: (() => void) | undefined;
  /** Why nothing can be asked any more. */
  #failure: Error | undefined;
  readonly #failed = Promise.withResolvers<Error>();
  /** Resolves, once, when the engine can serve nothing any more: the device is lost, the worker has died, or `close`. */
  readonly failure: Promise<Error> = this.#failed.promise;

  private constructor(worker: Worker, readonly info: EngineInfo) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<FromEngine>) => this.#receive(data);
    // Its message holds source lines: for the log, not for a client.
    worker.onerror = ({ message }) =>
      this.#fail(new Error("The engine stopped unexpectedly", { cause: message }));
    // A thread that is ended from outside, or that ends itself, reports no error.
    worker.addEventListener("close", () => this.#fail(new Error("The engine stopped: its thread has ended")));
  }

  /** `failure`, for those who only look. */
  get failed(): Error | undefined {
    return this.#failure;
  }

  /**
   * Starts the worker and loads the model.
   *
   * @throws What opening device or model throws: see `Engine.open`.
   */
  static async open(
    options: EngineOptions,
    onProgress: (done: number, total: number) => void = () => {},
  ): Promise<EngineClient> {
    const worker = new Worker(new URL("./worker.ts", import.meta.url));
    try {
      const info = await new Promise<EngineInfo>((resolve, reject) => {
        const fail = (why: string) => reject(new Error(`The engine could not start: ${why}`));
        worker.onerror = ({ message }) => fail(message);
        worker.addEventListener("close", () => fail("its thread has ended"));
        worker.onmessage = ({ data }: MessageEvent<FromEngine>) => {
          if (data.type === "progress") onProgress(data.done, data.total);
          else if (data.type === "ready") resolve(data.info);
          else if (data.type === "failed") reject(rebuildError(data.error));
        };
        send(worker, { type: "open", options });
      });
      return new EngineClient(worker, info);
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /**
   * Runs a request. Leaving the loop or aborting the signal ends its sequence. The pixels of its images are handed
   * over: they are gone here.
   *
   * @throws {RequestError} If it can never be served.
   */
  async *run(request: Omit<EngineRequest, "id">, signal?: AbortSignal): AsyncGenerator<SequenceEvent> {
    const id = this.#nextId++;
    const inbox = new Inbox();
    const stop = () => {
      inbox.fail(signal!.reason);
      this.#abort(id); // at once: the reader may be long in coming back
    };
    signal?.throwIfAborted();
    if (this.#failure) throw this.#failure;
    signal?.addEventListener("abort", stop);
    this.#sequences.set(id, inbox);
    const pixels = new Set(request.images.map((image) => image.pixels.buffer));
    send(this.#worker, { type: "add", request: { ...request, id } }, [...pixels]);
    try {
      for (;;) {
        const event = await inbox.next();
        yield event;
        if (event.type === "end") return;
      }
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#abort(id);
    }
  }

  trace(request: Omit<TraceRequest, "id">): Promise<TraceResult> {
    const id = this.#nextId++;
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#traces.set(id, { resolve, reject });
      send(this.#worker, { type: "trace", request: { ...request, id } });
    });
  }

  /**
   * Frees the device and ends the worker. Requests that still run fail. Safe to call twice. A worker that is deep in
   * a long step is not waited for: the system frees what it holds.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    const isAlive = this.#failure === undefined;
    this.#fail(new Error("The engine was closed"));
    if (isAlive) {
      const closed = new Promise<void>((resolve) => {
        this.#onClosed = resolve;
        send(this.#worker, { type: "close" });
      });
      await Promise.race([closed, Bun.sleep(closeGraceMs)]);
    }
    this.#worker.terminate();
  }

  /** Ends a sequence that still runs. */
  #abort(id: number): void {
    if (this.#sequences.delete(id)) send(this.#worker, { type: "abort", id });
  }

  #receive(message: FromEngine): void {
    if (message.type === "events") {
      for (const event of message.events) this.#dispatch(event);
    } else if (message.type === "traced") {
      this.#traces.get(message.id)?.resolve(message.result);
      this.#traces.delete(message.id);
    } else if (message.type === "failed") {
      this.#fail(rebuildError(message.error));
    } else if (message.type === "closed") {
      this.#onClosed?.();
    } else {
      assert(false, `unexpected ${message.type} from the engine`);
    }
  }

  /** Events of sequences that have been aborted in the meantime are dropped. */
  #dispatch(event: EngineEvent): void {
    if (event.type !== "error") {
      this.#sequences.get(event.id)?.push(event);
      if (event.type === "end") this.#sequences.delete(event.id);
      return;
    }
    const error = rebuildError(event.error);
    this.#traces.get(event.id)?.reject(error);
    this.#traces.delete(event.id);
    this.#sequences.get(event.id)?.fail(error);
    this.#sequences.delete(event.id);
  }

  /** The worker is gone, or about to be: ends everything that runs and refuses what comes. */
  #fail(error: Error): void {
    this.#failure ??= error;
    this.#failed.resolve(error);
    this.#onClosed?.();
    for (const inbox of this.#sequences.values()) inbox.fail(error);
    for (const { reject } of this.#traces.values()) reject(error);
    this.#sequences.clear();
    this.#traces.clear();
  }
}

/** Events of one sequence on their way to its reader. Bounded by the request's own number of tokens. */
class Inbox {
  readonly #events: SequenceEvent[] = [];
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(event: SequenceEvent): void {
    this.#events.push(event);
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  /** The next event; a failure comes after the events before it. */
  async next(): Promise<SequenceEvent> {
    for (;;) {
      const event = this.#events.shift();
      if (event) return event;
      if (this.#failure) throw this.#failure.error;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

function send(worker: Worker, message: ToEngine, transfer: ArrayBufferLike[] = []): void {
  worker.postMessage(message, transfer as ArrayBuffer[]);
}
