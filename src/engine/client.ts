import { RequestError } from "../base/errors.ts";
import { interruption, rebuildError } from "./error_report.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Inbox } from "./inbox.ts";
import { unpackEvents } from "./packed_events.ts";
import type {
  EngineEvent,
  EngineImage,
  EngineInfo,
  EngineOptions,
  EngineRequest,
  MaskAnswer,
  TraceRequest,
  TraceResult,
} from "./protocol.ts";
import type { EngineStats } from "./stats.ts";
import { type EngineLosses, type EngineState, Supervisor, type SupervisorOptions } from "./supervisor.ts";
import type { EngineMessage } from "./thread.ts";

export type { EngineLosses, EngineNews, EngineState } from "./supervisor.ts";

type SequenceEvent = Exclude<EngineEvent, { type: "error" }>;

/** A request that has not ended. */
interface Pending {
  readonly inbox: Inbox<SequenceEvent>;
  /** What to send to the next engine; gone, with its pictures, as soon as the request has begun. */
  request: EngineRequest | undefined;
  readonly addedAt: number;
  accepted: boolean;
  /** Sent once more, after a thread ended: perhaps because of it. */
  repeated: boolean;
}

/**
 * The main thread's end of the engine: requests in, events out, over messages only.
 *
 * When the engine fails, the requests that were running end with an `InterruptedRequestError`, and it is opened again
 * (`supervisor.ts`). Requests that had not begun, and those that come meanwhile, wait for it.
 */
export class EngineClient {
  readonly info: EngineInfo;
  readonly #supervisor: Supervisor;
  readonly #heartbeat: Heartbeat;
  readonly #maxQueued: number;
  readonly #pending = new Map<number, Pending>();
  readonly #traces = new Map<number, { resolve(result: TraceResult): void; reject(error: Error): void }>();
  #stats: EngineStats | undefined;
  #nextId = 1;
  #closing: Promise<void> | undefined;
  readonly #failed = Promise.withResolvers<Error>();
  /** Resolves, once, when the engine can serve nothing any more: every restart has failed, or `close`. */
  readonly failure: Promise<Error> = this.#failed.promise;

  private constructor(supervisor: Supervisor, info: EngineInfo, heartbeatMs: number | undefined) {
    this.info = info;
    this.#supervisor = supervisor;
    this.#maxQueued = info.maxQueued;
    this.#heartbeat = new Heartbeat(() => supervisor.send({ type: "ping" }), heartbeatMs);
    supervisor.listen({
      onMessage: (message) => this.#receive(message),
      onLost: (error, told) => this.#lose(error, told),
      onReady: () => this.#comeBack(),
      onFailure: (error) => this.#fail(error),
    });
  }

  /** `failure`, for those who only look. */
  get failed(): Error | undefined {
    return this.#supervisor.failure;
  }

  get state(): EngineState {
    return this.#supervisor.state;
  }

  /** How long the engine's thread has owed a sign of life, in ms. 0 while it gives them, and while there is none. */
  get silentMs(): number {
    return this.state === "ready" ? this.#heartbeat.silentMs : 0;
  }

  get losses(): Readonly<EngineLosses> {
    return this.#supervisor.losses;
  }

  /** Requests that may still be queued, as the engine last told. While it is opened again, all that came wait. */
  get queueRoom(): number {
    const queued = this.state === "recovering" ? this.#pending.size : this.#stats?.queued ?? 0;
    return Math.max(0, this.#maxQueued - queued);
  }

  /** What the engine has counted, as it last told. */
  get stats(): EngineStats | undefined {
    return this.#stats;
  }

  /**
   * Starts the worker and loads the model.
   *
   * @throws What opening device or model throws: see `Engine.open`.
   */
  static async open(options: EngineOptions, more: SupervisorOptions = {}): Promise<EngineClient> {
    const { supervisor, info } = await Supervisor.open(options, more);
    return new EngineClient(supervisor, info, more.heartbeatMs);
  }

  /**
   * Runs a request. Leaving the loop or aborting the signal ends its sequences. The pixels of its images are shared
   * with the worker.
   *
   * @throws {RequestError} If it can never be served, or too many wait.
   * @throws {InterruptedRequestError} If the engine failed while it ran.
   */
  async *run(request: Omit<EngineRequest, "id">, signal?: AbortSignal): AsyncGenerator<SequenceEvent> {
    signal?.throwIfAborted();
    this.#checkOpen();
    const id = this.#nextId++;
    const inbox = new Inbox<SequenceEvent>();
    const stop = () => {
      inbox.fail(signal!.reason);
      this.#abort(id); // at once: the reader may be long in coming back
    };
    signal?.addEventListener("abort", stop);
    this.#add({ ...request, id, images: request.images.map(shareImage) }, inbox);
    try {
      let choices = request.n ?? 1;
      do {
        const event = await inbox.next();
        if (event.type === "end" && --choices === 0) this.#pending.delete(id);
        yield event;
      } while (choices > 0);
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#abort(id);
    }
  }

  /** Ends one choice whose text is complete, as a stop id would: its `end` comes, and the other choices go on. */
  stop(id: number, choice: number): void {
    if (this.#pending.has(id)) this.#supervisor.send({ type: "stop", id, choice });
  }

  /** Answers a `mask_wanted`. Its memory is handed over. The request may have ended in the meantime. */
  mask(answer: MaskAnswer): void {
    if (!this.#pending.has(answer.id)) return;
    this.#supervisor.send({ type: "mask", ...answer }, answer.mask ? [answer.mask.buffer] : []);
  }

  trace(request: Omit<TraceRequest, "id">): Promise<TraceResult> {
    const id = this.#nextId++;
    if (this.failed) return Promise.reject(this.failed);
    if (this.state === "recovering") return Promise.reject(new Error("The engine is being opened again"));
    return new Promise((resolve, reject) => {
      this.#traces.set(id, { resolve, reject });
      this.#supervisor.send({ type: "trace", request: { ...request, id } });
    });
  }

  /** Frees the device and ends the worker. Requests that still run fail. Safe to call twice. */
  close(): Promise<void> {
    return this.#closing ??= this.#supervisor.close(new Error("The engine was closed"));
  }

  /** @throws {RequestError} If the engine is away and too many wait for it. */
  #checkOpen(): void {
    if (this.failed) throw this.failed;
    if (this.state === "recovering" && this.#pending.size >= this.#maxQueued) {
      throw new RequestError(
        `The model is being loaded again and ${this.#pending.size} requests wait for it, which is the limit`,
        { code: "queue_full", remedy: "Try again later, or raise --max-num-queued-reqs" },
      );
    }
  }

  #add(request: EngineRequest, inbox: Inbox<SequenceEvent>): void {
    const pending = { inbox, request, addedAt: performance.now(), accepted: false, repeated: false };
    this.#pending.set(request.id, pending);
    this.#supervisor.send({ type: "add", request });
  }

  /** Ends a request that has not ended. */
  #abort(id: number): void {
    if (this.#pending.delete(id)) this.#supervisor.send({ type: "abort", id });
  }

  #receive(message: EngineMessage): void {
    this.#heartbeat.heard();
    if (message.type === "events") {
      for (const event of unpackEvents(message.events)) this.#dispatch(event);
    } else if (message.type === "stats") {
      this.#stats = message.stats;
    } else if (message.type === "traced") {
      this.#traces.get(message.id)?.resolve(message.result);
      this.#traces.delete(message.id);
    }
  }

  /** Events of requests that have been aborted in the meantime are dropped. */
  #dispatch(event: EngineEvent): void {
    const pending = this.#pending.get(event.id);
    if (event.type === "error") {
      const error = rebuildError(event.error);
      this.#traces.get(event.id)?.reject(error);
      this.#traces.delete(event.id);
      pending?.inbox.fail(error);
      this.#pending.delete(event.id);
    } else if (pending && event.type === "accepted") {
      if (!pending.accepted) pending.inbox.push(event);
      pending.accepted = true;
    } else if (pending) {
      pending.request = undefined;
      pending.inbox.push(event);
    }
  }

  /**
   * Requests that had begun are gone with the engine. Where nobody was told which those are, the others get one more
   * try: a request that ends every thread it is sent to must not do so for ever.
   */
  #lose(error: Error, told: boolean): void {
    this.#stats = undefined; // the next engine counts anew
    for (const { reject } of this.#traces.values()) reject(error);
    this.#traces.clear();
    for (const [id, pending] of this.#pending) {
      if (pending.request && (told || !pending.repeated)) {
        pending.repeated ||= !told;
        continue;
      }
      pending.inbox.fail(interruption("the engine's thread has ended", "engine_failed", error));
      this.#pending.delete(id);
    }
  }

  /** There is an engine again. */
  #comeBack(): void {
    this.#heartbeat.heard();
    for (const { request, addedAt } of this.#pending.values()) {
      if (!request) continue;
      const { deadlineMs } = request;
      const left = deadlineMs && Math.max(1, deadlineMs - (performance.now() - addedAt));
      this.#supervisor.send({ type: "add", request: { ...request, deadlineMs: left } });
    }
  }

  #fail(error: Error): void {
    this.#heartbeat.stop();
    this.#failed.resolve(error);
    for (const { inbox } of this.#pending.values()) inbox.fail(error);
    for (const { reject } of this.#traces.values()) reject(error);
    this.#pending.clear();
    this.#traces.clear();
  }
}

/** With pixels in shared memory: they exist once, and outlive the thread that works on them. */
function shareImage(image: EngineImage): EngineImage {
  if (image.pixels.buffer instanceof SharedArrayBuffer) return image;
  const pixels = new Uint8Array(new SharedArrayBuffer(image.pixels.length));
  pixels.set(image.pixels);
  return { ...image, pixels };
}
