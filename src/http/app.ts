import { RequestError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { LoadPicture } from "../runtime/pictures.ts";
import type { Runtime } from "../runtime/request.ts";
import { Activity, counted } from "./activity.ts";
import { Admission } from "./admission.ts";
import { clientOf } from "./client_identity.ts";
import { allowOrigin, isPreflight, preflightResponse } from "./cors.ts";
import { describeError, HttpError } from "./errors.ts";
import { type Connection, Exchange } from "./exchange.ts";
import { checkHost, checkOrigin, pathOf } from "./guard.ts";
import { ApiKeys } from "./keys.ts";
import { announcedBytes } from "./json_body.ts";
import { limits } from "./limits.ts";
import { Readiness, shuttingDown } from "./readiness.ts";
import { findRoute, type Route, routesOf } from "./routes.ts";

export interface AppOptions {
  readonly loadPicture: LoadPicture;
  readonly log: Log;
  /** The program's version, as it is told to callers. */
  readonly version: string;
  /** Host names that callers may use; left out, every well-formed one. See `acceptedHosts`. */
  readonly hosts?: readonly string[];
  /** Keys of which callers must show one; left out or empty, everybody may call. */
  readonly keys?: readonly string[];
  /** Origins of other sites whose pages may use the server. */
  readonly origins?: readonly string[];
  /** Answers `GET /metrics` without a key. */
  readonly publicMetrics?: boolean;
  /** Tells metrics under the names of vLLM, too; left out, yes. */
  readonly vllmMetrics?: boolean;
  /** Requests that one client (a key, or else an IPv4 address or IPv6 /64 network) may have at a time; left out, any number. */
  readonly maxRequestsPerClient?: number;
  /** Bytes of bodies that may be there at a time; left out, `limits.bodiesBytes`. */
  readonly bodiesBytes?: number;
  /** Seconds that an answer may take, from the end of the headers to its last byte; left out, any number. */
  readonly requestSeconds?: number;
  /** Seconds without a sign of life after which the engine counts as hung; left out, by the kind of device. */
  readonly hungSeconds?: number;
  /** Refuses fields that the API does not have. */
  readonly strict?: boolean;
  /** Answers with nothing that OpenAI's API does not have. */
  readonly strictOpenai?: boolean;
  /** Silence in a stream after which a comment is sent. */
  readonly keepAliveMs?: number;
  /** A client that reads nothing for this long is given up. */
  readonly stallMs?: number;
  /** A body that has not arrived after this long is refused. */
  readonly uploadMs?: number;
}

export interface App {
  /** Answers one request; never throws. `connection` is left out where there is no socket. */
  fetch(request: Request, connection?: Connection): Promise<Response>;
  /** Tells the probes which share of the model is loaded, 0 to 1. Questions are refused until `serve`. */
  loaded(share: number): void;
  /** Answers with this runtime from now on. */
  serve(runtime: Runtime): void;
  /** Requests whose answer is not complete. */
  readonly active: number;
  /** Says through the probes that the end is near, and goes on answering: balancers need time to look elsewhere. */
  leave(): void;
  /**
   * Refuses new requests, lets running ones finish for `graceMs`, then cuts them with an error. Returns at most
   * `cutMs` after that, also when an answer does not end.
   */
  drain(graceMs: number): Promise<void>;
}

/** How long an answer that was cut may take to end. */
export const cutMs = 1000;

/** The whole HTTP service, without sockets: `Request` in, `Response` out. */
export function createApp(options: AppOptions): App {
  return new LocalApp(options);
}

class LocalApp implements App {
  readonly #options: AppOptions;
  readonly #routes: readonly Route[];
  readonly #keys: ApiKeys;
  readonly #origins: readonly string[];
  readonly #admission: Admission;
  readonly #readiness: Readiness;
  readonly #activity = new Activity();
  readonly #active = new Set<Exchange>();
  #onIdle = () => {};

  constructor(options: AppOptions) {
    this.#options = options;
    this.#keys = new ApiKeys(options.keys ?? []);
    this.#origins = options.origins ?? [];
    this.#admission = new Admission(options.maxRequestsPerClient, options.bodiesBytes);
    this.#readiness = new Readiness(options.hungSeconds);
    const loadPicture = this.#activity.following(options.loadPicture);
    this.#routes = routesOf({
      readiness: this.#readiness,
      activity: this.#activity,
      version: options.version,
      created: Math.floor(Date.now() / 1000),
      vllmMetrics: options.vllmMetrics ?? true,
      publicMetrics: options.publicMetrics ?? false,
      chat: (runtime) => ({
        runtime,
        loadPicture,
        keepAliveMs: options.keepAliveMs ?? 15_000,
        stallMs: options.stallMs ?? 30_000,
        uploadMs: options.uploadMs ?? limits.uploadMs,
        strict: options.strict ?? false,
        strictOpenai: options.strictOpenai ?? false,
      }),
    });
  }

  loaded(share: number): void {
    this.#readiness.loaded(share);
  }

  serve(runtime: Runtime): void {
    this.#readiness.open(counted(runtime, this.#activity));
  }

  get active(): number {
    return this.#active.size;
  }

  leave(): void {
    this.#readiness.leaving = true;
  }

  async drain(graceMs: number): Promise<void> {
    this.leave();
    this.#readiness.closed = true;
    if (this.#active.size === 0) return;
    const idle = new Promise<void>((resolve) => this.#onIdle = resolve);
    if (await endsWithin(idle, graceMs)) return;
    this.#active.forEach((exchange) => exchange.abort(shuttingDown()));
    await endsWithin(idle, cutMs);
  }

  async fetch(request: Request, connection?: Connection): Promise<Response> {
    const path = pathOf(request);
    const exchange = new Exchange(request, path ?? "", connection, this.#options.log, (ended, status) => {
      this.#active.delete(ended);
      this.#activity.answer(ended.route, request.method, status);
      if (this.#active.size === 0) this.#onIdle();
    });
    this.#active.add(exchange);
    const response = await this.#answer(exchange, path);
    response.headers.set("x-request-id", exchange.id);
    response.headers.set("server", `llamav/${this.#options.version}`);
    if (!isStream(response)) exchange.end(response.status);
    return response;
  }

  /** Who calls is checked first, in the order of what a stranger may learn; the route's own work comes last. */
  async #answer(exchange: Exchange, path: string | undefined): Promise<Response> {
    let origin: string | undefined;
    let response: Response;
    try {
      checkHost(exchange.request, this.#options.hosts);
      if (path === undefined) throw new HttpError(400, "The request's address is malformed");
      origin = checkOrigin(exchange.request, this.#origins);
      response = await this.#route(exchange, path, origin !== undefined);
    } catch (error) {
      response = this.#refuse(exchange, error);
    }
    if (origin !== undefined) allowOrigin(response.headers, origin);
    // A cache must not hand the answer for one page to another.
    if (this.#origins.length > 0) response.headers.append("vary", "origin");
    return response;
  }

  #route(exchange: Exchange, path: string, isOtherSite: boolean): Response | Promise<Response> {
    const { request } = exchange;
    const found = findRoute(this.#routes, path, request.method);
    if (isOtherSite && isPreflight(request)) return preflightResponse(request);
    const isPublic = "route" in found && found.route.access === "public";
    if (!isPublic) exchange.key = this.#keys.check(request.headers);
    if ("refusal" in found) throw found.refusal;
    exchange.route = found.route.path;
    // Every question is a POST, and needs the model.
    return found.route.method === "POST" ? this.#takeOn(exchange, found.route) : found.route.handle(exchange);
  }

  async #takeOn(exchange: Exchange, route: Route): Promise<Response> {
    try {
      const announced = announcedBytes(exchange.request.headers);
      exchange.take(this.#admission.enter(clientOf(exchange).caller, announced, this.#readiness.require()));
    } catch (error) {
      if (error instanceof RequestError) this.#activity.refuse(error);
      throw error;
    }
    const { requestSeconds } = this.#options;
    if (requestSeconds !== undefined) exchange.limitTime(requestSeconds);
    const answer = Promise.resolve(route.handle(exchange));
    exchange.holdWhile(answer);
    return await unlessAborted(answer, exchange.signal);
  }

  #refuse(exchange: Exchange, error: unknown): Response {
    if (exchange.clientGone) return new Response(null, { status: 499 });
    const { status, body, headers, internal } = describeError(error);
    exchange.refusal = body.error;
    if (internal) exchange.report(error);
    // Its body has come too far for the admission to refuse it, and not as far as the model.
    if (error instanceof HttpError && status === 429) this.#activity.refuse(error);
    const response = Response.json(body, { status, headers });
    if (status === 429) response.headers.set("retry-after", String(this.#activity.drainRate.retryAfter()));
    return response;
  }
}

/** An answer that is given up is not waited for: what makes it may be what hangs. */
async function unlessAborted(answer: Promise<Response>, signal: AbortSignal): Promise<Response> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([answer, aborted]);
  } catch (error) {
    // If it comes after all, nobody reads it.
    answer.then((late) => late.body?.cancel()).catch(() => {});
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Waits for `work`, but no longer than `ms`. */
async function endsWithin(work: Promise<void>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), ms);
  const ended = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return ended;
}

function isStream(response: Response): boolean {
  return response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
}
