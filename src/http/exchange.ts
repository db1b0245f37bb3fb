import { ExplainedError, RequestError } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { Log, LogFields } from "../base/log.ts";
import { formatDuration, roundMs } from "../base/units.ts";
import type { Usage } from "../runtime/request.ts";
import type { Place } from "./admission.ts";
import type { ErrorBody } from "./errors.ts";
import { stageTimes } from "./usage_body.ts";

/** The part of the socket server that a handler needs. */
export interface Connection {
  /** How long the connection may stay open in silence. */
  timeout(request: Request, seconds: number): void;
  /** Where it comes from; `null` when it has gone. */
  requestIP?(request: Request): { readonly address: string } | null;
}

/** The part of an error that the log may tell. */
export type Refusal = Pick<ErrorBody["error"], "code" | "param">;

/** Seconds of silence, or of a dripping upload, after which a connection is closed. */
export const idleSeconds = 10;

/**
 * One request and its answer, from the first byte in to the last byte out: its id, its abort signal, its line in
 * the log. A streamed answer outlives its handler; the exchange ends with the stream.
 */
export class Exchange {
  readonly id: string;
  /** Of the trace that the caller says it is part of (W3C Trace Context), for the log. */
  readonly traceId: string | undefined;
  readonly #controller = new AbortController();
  readonly #started = performance.now();
  #ended = false;
  /** Filled in by the handler for the log. */
  usage?: Usage;
  clientGone = false;
  /** What the metrics call the address: a known route, never what a caller wrote. */
  route = "none";
  /** What the log calls the caller's key; prompts are shared between requests with the same one only. */
  key?: string;
  /** The handler works on it, perhaps longer than anybody waits for the answer. */
  #working = false;
  #place: Place | undefined;
  /** What it was refused for, or what went wrong, for the log (`reasonOf`). */
  refusal?: Refusal;
  #deadline: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly request: Request,
    readonly path: string,
    readonly connection: Connection | undefined,
    readonly log: Log,
    readonly onEnd: (exchange: Exchange, status: number) => void,
  ) {
    this.id = requestId(request.headers.get("x-request-id"));
    this.traceId = traceId(request.headers.get("traceparent"));
    if (request.signal.aborted) this.abandon();
    request.signal.addEventListener("abort", () => this.abandon(), { once: true });
  }

  /** Aborted when the client has gone, or when the server gives the request up; the reason says which. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The server gives the request up; the client may still be told why. */
  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** The client has closed the connection, or reads no longer: nothing can be sent. */
  abandon(): void {
    this.clientGone = true;
    this.abort(new DOMException("The client has gone", "AbortError"));
  }

  /** It has been taken on. */
  take(place: Place): void {
    this.#place = place;
  }

  /** So much of the body has arrived. Says whether there is memory for it. */
  bodyArrived(bytes: number): boolean {
    return this.#place?.arrived(bytes) ?? true;
  }

  /**
   * Gives back the place that the request has taken when its answer is complete, and `work` on it has ended: what is
   * given up may still hold memory.
   */
  holdWhile(work: Promise<unknown>): void {
    this.#working = true;
    const settle = (refused: boolean) => {
      this.#working = false;
      this.#place?.handled(refused);
      this.#leave();
    };
    work.then(() => settle(false), (error: unknown) => settle(isFull(error)));
  }

  #leave(): void {
    if (this.#ended && !this.#working) this.#place?.leave();
  }

  /** From now on the answer may take so long; then it is given up. */
  limitTime(seconds: number): void {
    this.#deadline = setTimeout(() => {
      this.abort(
        new RequestError(`The request took longer than ${seconds} seconds`, {
          code: "deadline_exceeded",
          remedy: "Ask for less at once, or raise --request-timeout",
        }),
      );
    }, seconds * 1000);
  }

  /** Tells the operator what the client must not see. */
  report(error: unknown): void {
    this.log.error(`${this.id} ${describe(error)}`, this.#ids);
  }

  get #ids(): LogFields {
    return { request_id: this.id, trace_id: this.traceId };
  }

  /** From here on silence is work, not a stalled client: a prefill may take minutes. */
  keepOpen(): void {
    this.connection?.timeout(this.request, 0);
  }

  /**
   * Writes the log line, once. The query is left out: people put keys into it.
   *
   * @param outcome how a stream ended, where not by its last event
   */
  end(status: number, outcome?: string): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#deadline);
    this.#leave();
    // The timeout belongs to the connection, which may stay open for the next request.
    this.connection?.timeout(this.request, idleSeconds);
    const durationMs = performance.now() - this.#started;
    const { code, param } = reasonOf(this.refusal);
    const parts = [this.request.method, this.path.slice(0, 200), String(status)];
    if (outcome !== undefined) parts.push(`(${outcome})`);
    if (code !== undefined) parts.push(`code=${code}`);
    if (param !== undefined) parts.push(`param=${param}`);
    if (this.key !== undefined) parts.push(this.key);
    if (this.traceId !== undefined) parts.push(`trace=${this.traceId}`);
    if (this.usage) {
      parts.push(`prompt=${this.usage.promptTokens} completion=${this.usage.completionTokens}`);
      if (this.usage.imageTiles > 0) parts.push(`tiles=${this.usage.imageTiles}`);
    }
    const fields = {
      ...this.#ids,
      key: this.key,
      method: this.request.method,
      path: this.path.slice(0, 200),
      status,
      outcome,
      error_code: code,
      error_param: param,
      duration_ms: roundMs(durationMs),
      ...(this.usage ? usageFields(this.usage) : {}),
    };
    this.log.info(`${this.id} ${parts.join(" ")} ${formatDuration(durationMs)}`, fields);
    if (this.usage) this.log.debug(`${this.id} ${describeTimings(this.usage)}`, this.#ids);
    this.onEnd(this, status);
  }
}

function usageFields({ promptTokens, completionTokens, imageTiles, timings }: Usage): LogFields {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    image_tiles: imageTiles,
    ...stageTimes(timings),
  };
}

/**
 * What the log may tell of a refusal. Codes are ours; the name of a field may be the caller's own word, so it is told
 * only where it is short and plain: it cannot forge a line, nor carry a text.
 */
function reasonOf(refusal: Refusal | undefined): { code?: string; param?: string } {
  const { code, param } = refusal ?? {};
  return { code: code ?? undefined, param: param && /^[\w.[\]-]{1,64}$/.test(param) ? param : undefined };
}

/** Whether the engine has no room for a request that came as far. */
function isFull(error: unknown): boolean {
  return error instanceof RequestError && error.details.code === "queue_full";
}

/** An error that was foreseen says enough by itself; of any other the place matters. */
function describe(error: unknown): string {
  if (error instanceof ExplainedError) return [error.message, error.remedy].filter(Boolean).join(". ");
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

function describeTimings({ timings }: Usage): string {
  const { queueMs, imageMs, prefillMs, decodeMs } = timings;
  const named = { queue: queueMs, images: imageMs, prompt: prefillMs, answer: decodeMs };
  return Object.entries(named).map(([name, ms]) => `${name} ${formatDuration(ms)}`).join(", ");
}

/** The caller's id when it is harmless in a header and a log, else one of our own. */
function requestId(given: string | null): string {
  if (given !== null && /^[\w.-]{1,128}$/.test(given)) return given;
  return newId("req_");
}

/** The trace id of a `traceparent` header of any version; a malformed header counts as none. */
function traceId(given: string | null): string | undefined {
  const id = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/.exec(given ?? "")
    ?.[1];
  return id === "0".repeat(32) ? undefined : id;
}
