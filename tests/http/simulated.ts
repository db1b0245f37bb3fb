/** The whole server over real sockets, with an engine whose scheduling is the real one and whose model is simulated. */
import { createLog } from "../../src/base/log.ts";
import { type App, type AppOptions, createApp } from "../../src/http/app.ts";
import { type Server, startServer } from "../../src/http/server.ts";
import { pictureLoader } from "../../src/runtime/pictures.ts";
import type { Runtime } from "../../src/runtime/request.ts";
import { openRuntime, type RuntimeOptions } from "../../src/runtime/runtime.ts";
import { checkpointDirectory } from "../support/executable.ts";

/** How long a step takes, at least. */
export const stepMs = 1;
/** Values of `max_tokens` that lose the device, end the engine or hang its thread in the request's fourth step. */
export const [loses, throws, hangs] = [301, 302, 303];
/** How long it hangs: twice the time between two questions for a sign of life. */
export const hangMs = 10_000;

export interface SimulatedServer extends AsyncDisposable {
  readonly url: string;
  readonly app: App;
  readonly runtime: Runtime;
  readonly server: Server;
  readonly logged: string[];
}

/** Starts one on a free port. Other threads than the engine's are the real ones. */
export async function startSimulated(
  appOptions: Partial<AppOptions> = {},
  options: Partial<RuntimeOptions> = {},
): Promise<SimulatedServer> {
  simulating(1);
  const runtime = await openRuntime({ model: checkpointDirectory("micro-mllama-f16"), ...options });
  const logged: string[] = [];
  const app = createApp({
    version: "1.2.3",
    log: createLog((line) => logged.push(line)),
    loadPicture: pictureLoader({ allowRemote: false, allowPrivate: false }),
    ...appOptions,
  });
  app.serve(runtime);
  const server = startServer(app, "127.0.0.1", 0);
  return {
    url: server.url,
    app,
    runtime,
    server,
    logged,
    async [Symbol.asyncDispose]() {
      await server.stop(0);
      await runtime.close();
      simulating(-1);
    },
  };
}

/** How many servers run whose engines are simulated, and what their threads were made with before. */
let simulations = 0;
const RealWorker = globalThis.Worker;

/** The engine's worker is the simulated one, also of an engine that is opened again on a new thread. */
class SimulatedWorker extends RealWorker {
  constructor(url: string | URL, options?: WorkerOptions) {
    const isEngine = String(url).endsWith("/engine/worker.ts");
    super(isEngine ? new URL("./simulated_worker.ts", import.meta.url) : url, options);
  }
}

function simulating(change: 1 | -1): void {
  simulations += change;
  globalThis.Worker = simulations > 0 ? SimulatedWorker : RealWorker;
}

/** Asks for a chat answer. */
export async function ask(url: string, body: object = {}, init: RequestInit = {}): Promise<Response> {
  return await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "default",
      messages: [{ role: "user", content: "Hi" }],
      ignore_eos: true,
      temperature: 0,
      max_tokens: 8,
      ...body,
    }),
    ...init,
  });
}

/** What a probe says. */
export async function probe(url: string, path: "livez" | "readyz"): Promise<[number, string]> {
  const response = await fetch(`${url}/${path}`);
  return [response.status, (await response.json() as { status: string }).status];
}
