import type { Log } from "../base/log.ts";
import type { LoadPicture } from "../runtime/pictures.ts";
import type { Runtime } from "../runtime/request.ts";
import { chatCompletions, type ChatContext } from "./chat_completions.ts";
import { describeError, HttpError } from "./errors.ts";
import { type Connection, Exchange } from "./exchange.ts";
import { checkCaller, pathOf } from "./guard.ts";
import { limits } from "./limits.ts";
import { checkModel, modelBody, modelList } from "./models.ts";

export interface AppOptions {
  readonly loadPicture: LoadPicture;
  readonly log: Log;
  /** Host names that callers may use; left out, every well-formed one. See `acceptedHosts`. */
  readonly hosts?: readonly string[];
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
  /** Requests whose answer is not complete. */
  readonly active: number;
  /**
   * Refuses new requests, lets running ones finish for `graceMs`, then cuts them with an error. Returns at most
   * `cutMs` after that, also when an answer does not end.
   */
  drain(graceMs: number): Promise<void>;
}

type Handler = (exchange: Exchange) => Response | Promise<Response>;

interface Route {
  readonly path: string;
  readonly method: string;
  readonly handle: Handler;
}

/** How long an answer that was cut may take to end. */
export const cutMs = 1000;

/** The whole HTTP service over one runtime, without sockets: `Request` in, `Response` out. */
export function createApp(runtime: Runtime, options: AppOptions): App {
  const context: ChatContext = {
    runtime,
    loadPicture: options.loadPicture,
    keepAliveMs: options.keepAliveMs ?? 15_000,
    stallMs: options.stallMs ?? 30_000,
    uploadMs: options.uploadMs ?? limits.uploadMs,
  };
  const active = new Set<Exchange>();
  let draining = false;
  let onIdle = () => {};
  const routes = routesOf(runtime, context, () => draining);

  async function answer(
    request: Request,
    connection: Connection | undefined,
    path: string,
  ): Promise<Response> {
    const exchange = new Exchange(request, path, connection, options.log, (ended) => {
      active.delete(ended);
      if (active.size === 0) onIdle();
    });
    active.add(exchange);
    const response = await respond(exchange, () => {
      const handle = findRoute(routes, path, request.method);
      if (draining && path !== "/health") throw shuttingDown();
      return handle(exchange);
    });
    response.headers.set("x-request-id", exchange.id);
    if (!isStream(response)) exchange.end(response.status);
    return response;
  }

  return {
    async fetch(request, connection) {
      try {
        checkCaller(request, options.hosts);
        return await answer(request, connection, pathOf(request));
      } catch (error) {
        return errorResponse(error);
      }
    },
    get active() {
      return active.size;
    },
    async drain(graceMs) {
      draining = true;
      if (active.size === 0) return;
      const idle = new Promise<void>((resolve) => onIdle = resolve);
      if (await endsWithin(idle, graceMs)) return;
      active.forEach((exchange) => exchange.abort(shuttingDown()));
      await endsWithin(idle, cutMs);
    },
  };
}

/** Waits for `work`, but no longer than `ms`. */
async function endsWithin(work: Promise<void>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), ms);
  const ended = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return ended;
}

function routesOf(runtime: Runtime, context: ChatContext, isDraining: () => boolean): readonly Route[] {
  const created = Math.floor(Date.now() / 1000);
  return [
    {
      method: "POST",
      path: "/v1/chat/completions",
      handle: (exchange) => chatCompletions(exchange, context),
    },
    { method: "GET", path: "/v1/models", handle: () => Response.json(modelList(runtime, created)) },
    {
      method: "GET",
      path: "/v1/models/{id}",
      handle(exchange) {
        checkModel(decodeId(exchange.path.slice("/v1/models/".length)), runtime);
        return Response.json(modelBody(runtime, created));
      },
    },
    {
      method: "GET",
      path: "/health",
      handle() {
        const { state } = runtime;
        // The worst comes first: a server that drains and has lost its model will not answer what still runs.
        const status = state === "failed"
          ? state
          : isDraining()
          ? "draining"
          : state === "ready"
          ? "ok"
          : state;
        return Response.json({ status }, { status: status === "ok" ? 200 : 503 });
      },
    },
  ];
}

/** @throws {HttpError} 404 with the routes that exist, 405 with the methods of this one. */
function findRoute(routes: readonly Route[], path: string, method: string): Handler {
  // An id may hold slashes, as a path or a repository name does.
  const key = path.startsWith("/v1/models/") && path !== "/v1/models/" ? "/v1/models/{id}" : path;
  const here = routes.filter((route) => route.path === key);
  if (here.length === 0) {
    const known = routes.map((route) => `${route.method} ${route.path}`).join(", ");
    throw new HttpError(404, `There is nothing at this address; there is ${known}`, {
      code: "route_not_found",
    });
  }
  const route = here.find((candidate) => candidate.method === method);
  if (route !== undefined) return route.handle;
  const allow = here.map((candidate) => candidate.method).join(", ");
  throw new HttpError(405, `${method} is not possible here, only ${allow}`, {
    code: "method_not_allowed",
    headers: { allow },
  });
}

async function respond(exchange: Exchange, handle: () => Response | Promise<Response>): Promise<Response> {
  try {
    return await handle();
  } catch (error) {
    if (exchange.clientGone) return new Response(null, { status: 499 });
    const response = errorResponse(error);
    if (describeError(error).internal) exchange.report(error);
    return response;
  }
}

function errorResponse(error: unknown): Response {
  const { status, body, headers } = describeError(error);
  return Response.json(body, { status, headers });
}

function isStream(response: Response): boolean {
  return response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
}

function shuttingDown(): HttpError {
  return new HttpError(503, "The server is shutting down", {
    code: "shutting_down",
    headers: { "retry-after": "5" },
  });
}

function decodeId(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
