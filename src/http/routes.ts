import type { Runtime } from "../runtime/request.ts";
import type { Activity } from "./activity.ts";
import { chatCompletions, type ChatContext } from "./chat_completions.ts";
import { completions } from "./completions.ts";
import { HttpError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { metricsText } from "./metrics.ts";
import { checkModel, modelBody, modelList } from "./models.ts";
import { openApiDocument } from "./openapi.ts";
import { expositionType } from "./prometheus.ts";
import type { Readiness } from "./readiness.ts";
import { responses } from "./responses.ts";
import { applyTemplate, detokenize, tokenize } from "./text_routes.ts";

/** What the routes work with. */
export interface RouteContext {
  readonly readiness: Readiness;
  readonly activity: Activity;
  readonly version: string;
  /** Unix time in seconds since which the model is offered. */
  readonly created: number;
  readonly vllmMetrics: boolean;
  /** Whether `GET /metrics` answers without a key. */
  readonly publicMetrics: boolean;
  /** How answers of the model are made, with the runtime that makes them. */
  chat(runtime: Runtime): ChatContext;
}

/** Who may call a route: everybody, so that a balancer needs no secret, or holders of a key. */
export type Access = "public" | "key";

export interface Route {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly access: Access;
  handle(exchange: Exchange): Response | Promise<Response>;
}

/** All routes. OpenAI's are there with `/v1` and without. */
export function routesOf(context: RouteContext): readonly Route[] {
  return [...modelRoutes(context), ...probeRoutes(context), ...aboutRoutes(context)];
}

/** The routes that need the model: they refuse while there is none, before they read anything. */
function modelRoutes({ readiness, created, chat }: RouteContext): Route[] {
  const withModel = (
    method: Route["method"],
    path: string,
    handle: (exchange: Exchange, runtime: Runtime) => Response | Promise<Response>,
  ): Route => ({ method, path, access: "key", handle: (exchange) => handle(exchange, readiness.require()) });
  const openAi = [
    withModel("POST", "/chat/completions", (exchange, runtime) => chatCompletions(exchange, chat(runtime))),
    withModel("POST", "/completions", (exchange, runtime) => completions(exchange, chat(runtime))),
    withModel("POST", "/responses", (exchange, runtime) => responses(exchange, chat(runtime))),
    withModel("GET", "/models", (_, runtime) => Response.json(modelList(runtime, created))),
    withModel("GET", "/models/{id}", (exchange, runtime) => {
      checkModel(
        decodeId(exchange.path.slice(exchange.path.indexOf("/models/") + "/models/".length)),
        runtime,
      );
      return Response.json(modelBody(runtime, created));
    }),
  ];
  return [
    ...openAi.map((route) => ({ ...route, path: `/v1${route.path}` })),
    ...openAi,
    withModel("POST", "/tokenize", (exchange, runtime) => tokenize(exchange, chat(runtime))),
    withModel("POST", "/detokenize", (exchange, runtime) => detokenize(exchange, chat(runtime))),
    withModel("POST", "/apply-template", (exchange, runtime) => applyTemplate(exchange, chat(runtime))),
  ];
}

/** What those ask who keep the server running: they get an answer in every state, without a key. */
function probeRoutes({ readiness }: RouteContext): Route[] {
  const probe = (path: string, handle: () => Response): Route => ({
    method: "GET",
    path,
    access: "public",
    handle,
  });
  return [
    probe("/livez", () => {
      // A model that is loaded or drained is no reason to end the process, one that is lost for good is.
      const { state } = readiness;
      const isLost = state === "failed" || state === "hung";
      return Response.json(isLost ? readiness.body : { status: "ok" }, { status: isLost ? 500 : 200 });
    }),
    probe(
      "/readyz",
      () => Response.json(readiness.body, { status: readiness.state === "ready" ? 200 : 503 }),
    ),
    probe("/health", () => {
      const ready = readiness.state === "ready";
      return Response.json(ready ? { status: "ok" } : readiness.body, { status: ready ? 200 : 503 });
    }),
  ];
}

function aboutRoutes({ readiness, activity, version, vllmMetrics, publicMetrics }: RouteContext): Route[] {
  let document: unknown;
  return [
    {
      method: "GET",
      path: "/metrics",
      access: publicMetrics ? "public" : "key",
      handle: () =>
        new Response(metricsText(readiness, activity, { version, vllm: vllmMetrics }), {
          headers: { "content-type": expositionType },
        }),
    },
    { method: "GET", path: "/version", access: "key", handle: () => Response.json({ version }) },
    {
      method: "GET",
      path: "/openapi.json",
      access: "key",
      handle: () => Response.json(document ??= openApiDocument(version)),
    },
  ];
}

/** The route of a request, or what is thrown once the caller has shown that it may know. */
export type Found = { readonly route: Route } | { readonly refusal: HttpError };

/** Finds the route: else the refusal is a 404 with the routes that exist, or a 405 with the methods of this one. */
export function findRoute(routes: readonly Route[], path: string, method: string): Found {
  // An id may hold slashes, as a path or a repository name does.
  const key = path.replace(/^((?:\/v1)?\/models\/).+$/s, "$1{id}");
  const here = routes.filter((route) => route.path === key);
  if (here.length === 0) {
    const known = routes.map((route) => `${route.method} ${route.path}`).join(", ");
    const message = `There is nothing at this address; there is ${known}`;
    return { refusal: new HttpError(404, message, { code: "route_not_found" }) };
  }
  const route = here.find((candidate) => candidate.method === method);
  if (route !== undefined) return { route };
  const allow = here.map((candidate) => candidate.method).join(", ");
  const message = `${method} is not possible here, only ${allow}`;
  return { refusal: new HttpError(405, message, { code: "method_not_allowed", headers: { allow } }) };
}

function decodeId(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
