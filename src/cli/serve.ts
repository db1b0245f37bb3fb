import type { Command } from "commander";
import { createLog, type Log } from "../base/log.ts";
import { formatCount, formatDuration } from "../base/units.ts";
import type { App } from "../http/app.ts";
import { acceptedHosts, isLoopback } from "../http/guard.ts";
import type { Server } from "../http/server.ts";
import type { SettingValues } from "../runtime/options.ts";
import type { PicturePolicy } from "../runtime/pictures.ts";
import type { EngineNews } from "../runtime/reports.ts";
import type { Runtime } from "../runtime/request.ts";
import { unknownVariables } from "../runtime/variables.ts";
import { type CliContext, showProgress } from "./context.ts";
import { addFlags, readFlags } from "./flags.ts";
import { interruptible } from "./interrupt.ts";
import { describeMemory, describeNotes } from "./loaded_model.ts";
import { bringModel, modelArgument, modelOrDemo, oneModel } from "./model_argument.ts";
import { checkOrigins, readKeys, readTls, warnOfShownKey } from "./serve_access.ts";
import { version } from "./version.ts";

const modelFlags = ["model", "huggingfaceRepoId"] as const;
const flags = [
  "host",
  "port",
  "allowedHosts",
  "apiKey",
  "apiKeyFile",
  "publicMetrics",
  "corsOrigin",
  "tlsCert",
  "tlsKey",
  "device",
  "contextLength",
  "imageTiles",
  "maxTiles",
  "maxQueued",
  "maxQueuedTokens",
  "maxSequences",
  "maxRequestsPerClient",
  "requestTimeout",
  "livenessTimeout",
  "kvTokens",
  "prefixCache",
  "warmUp",
  "checkTensors",
  "allowRemoteImages",
  "allowPrivateImages",
  "allowedMediaDomains",
  "strict",
  "strictOpenai",
  "metricsCompat",
  "logFormat",
  "shutdownDelay",
  "shutdownTimeout",
  "offline",
  "yes",
  "verbose",
] as const;

type ServeValues = SettingValues<typeof flags[number]>;

/** How long answers of a runtime that has failed may take to tell their clients so. */
const failureGraceMs = 1000;

const help = `
Examples:
  llamav serve
  llamav serve ./model
  llamav serve --model ./model --port 9000

Ask it, with any OpenAI client or with curl:
  curl -N http://127.0.0.1:8000/v1/chat/completions -H "Content-Type: application/json" -d '{
    "model": "default", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}'

Routes: POST /v1/chat/completions, /v1/responses and /v1/completions, GET /v1/models and /v1/models/{id}, all also
without /v1; POST /tokenize, /detokenize and /apply-template; GET /health, /readyz, /livez, /metrics, /version and
/openapi.json.
Pictures come as data: URLs, or by http(s) URL where that is allowed.
Without --api-key everybody who reaches the port may ask: let other machines in (--host 0.0.0.0) with a key, and
with --tls-cert or behind a proxy that speaks https. The probes /health, /readyz and /livez ask for no key.
While the model is loaded, GET /readyz answers 503 with how much of it is there, and questions get a 503 with
Retry-After. After SIGINT or SIGTERM running answers are finished and new requests get a 503; then the process ends
with exit code 0, on a second signal at once. When the device is lost, running requests end with an error, the model
is loaded again, and new ones get a 503 until then. When that fails three times in a row, the process ends with exit
code 6, so that whoever supervises it can start it again. An engine that hangs in its driver fails GET /livez.
A connection takes one request at a time: bytes sent before the answer is complete close it, and end that answer.`;

/** `llamav serve [MODEL]`: the OpenAI API over HTTP until a signal ends it. */
export function addServe(program: Command, context: CliContext): void {
  const command = program.command("serve").summary("answer requests over HTTP, as the OpenAI API does")
    .description("Serves a model over HTTP in the way of the OpenAI API.")
    .argument(...modelArgument)
    .addHelpText("after", help);
  addFlags(command, [...modelFlags, ...flags]);
  command.action(async (positional: string | undefined) => {
    const model = chooseModel(command, positional, context);
    const values = readFlags(command, flags, context.env);
    const level = values.verbose ? "debug" : "info";
    const { terminal } = context;
    const write = values.logFormat === "json"
      ? (line: string) => terminal.noteWhole(line.slice(0, -1))
      : (line: string) => terminal.note(line.slice(0, -1));
    const log = createLog(write, level, values.logFormat);
    for (const line of unknownVariables(context.variables)) log.warn(line);
    warnOfShownKey(command, log);
    const chosen = modelOrDemo(model, { env: {}, terminal: { note: (text) => log.info(text) } });
    await serve(await bringModel(chosen, values, context), values, log, context);
  });
}

/** What the command line says wins over the variables, as everywhere. */
function chooseModel(
  command: Command,
  positional: string | undefined,
  { env }: CliContext,
): string | undefined {
  const given = readFlags(command, modelFlags, {});
  if (positional ?? given.model ?? given.huggingfaceRepoId) {
    return oneModel(positional, given.model, given.huggingfaceRepoId);
  }
  const fallback = readFlags(command, modelFlags, env);
  return oneModel(fallback.model, fallback.huggingfaceRepoId);
}

async function serve(model: string, values: ServeValues, log: Log, context: CliContext): Promise<void> {
  const started = performance.now();
  const policy = picturePolicy(values);
  const { app, server } = await listen(values, policy, log, context);
  log.debug(`Listening on ${server.url}`);
  const runtime = await openModel(model, values, app, log, context).catch(async (error) => {
    await server.stop(0);
    throw error;
  });
  try {
    // Signals are listened for before anybody is told that the server is ready: who is told may end it at once.
    await interruptible(async ({ signal }) => {
      app.serve(runtime);
      const { id, contextLength, device } = runtime.model;
      log.info(`${id} on ${device}, ${formatCount(contextLength)} tokens of context`);
      log.info(describeMemory(runtime.model));
      for (const line of describeNotes(runtime.model)) log.info(line);
      const took = formatDuration(performance.now() - started);
      log.info(`Loaded in ${took}; pictures by URL: ${describePolicy(policy)}`);
      log.info("Built with Llama");
      log.info(`Server ready on ${server.url} (Press CTRL+C to quit)`);
      await untilTheEnd(signal, runtime, app, server, log, values);
    });
    if (runtime.failed) throw runtime.failed;
  } finally {
    await runtime.close();
  }
  log.info("Server stopped");
}

function picturePolicy(values: ServeValues): PicturePolicy {
  return {
    allowRemote: values.allowRemoteImages ?? isLoopback(values.host),
    allowPrivate: values.allowPrivateImages ?? false,
    allowedDomains: values.allowedMediaDomains.length > 0 ? values.allowedMediaDomains : undefined,
  };
}

/** Opens the port before the model: whoever watches the start can ask how far it is. */
async function listen(
  values: ServeValues,
  policy: PicturePolicy,
  log: Log,
  { services }: CliContext,
): Promise<{ app: App; server: Server }> {
  const tls = readTls(values);
  const keys = readKeys(values, log);
  const { createApp } = await import("../http/app.ts");
  const { startServer } = await import("../http/server.ts");
  const app = createApp({
    log,
    version,
    keys,
    hosts: acceptedHosts(values.host, values.allowedHosts),
    origins: checkOrigins(values.corsOrigin),
    publicMetrics: values.publicMetrics,
    vllmMetrics: values.metricsCompat === "vllm",
    strict: values.strict,
    strictOpenai: values.strictOpenai,
    maxRequestsPerClient: values.maxRequestsPerClient,
    requestSeconds: values.requestTimeout,
    hungSeconds: values.livenessTimeout,
    loadPicture: await services.pictureLoader(policy),
  });
  const server = startServer(app, values.host, values.port, tls);
  if (keys.length === 0 && !isLoopback(values.host)) {
    log.warn("Everybody who reaches this port may ask; --api-key asks for a key");
  }
  return { app, server };
}

function openModel(
  model: string,
  values: ServeValues,
  app: App,
  log: Log,
  { services, terminal }: CliContext,
): Promise<Runtime> {
  const show = showProgress(terminal, (line) => log.info(line));
  return services.openRuntime({
    model,
    device: values.device,
    contextLength: values.contextLength,
    imageTiles: values.imageTiles,
    maxTiles: values.maxTiles,
    maxQueued: values.maxQueued,
    maxQueuedTokens: values.maxQueuedTokens,
    maxSequences: values.maxSequences,
    kvTokens: values.kvTokens,
    prefixCache: values.prefixCache,
    firstAnswer: { pictures: true, draws: true },
    warmUp: values.warmUp ?? "gpu",
    checkTensors: values.checkTensors,
    onProgress(progress) {
      // The longest stage by far stands for all of them.
      if (progress.stage === "weights" && progress.total > 0) app.loaded(progress.done / progress.total);
      show(progress);
    },
    onNews: (news) => tellNews(news, log),
  });
}

/** Serves until the signal comes, or the runtime fails for good: what runs then gets its error from the runtime. */
async function untilTheEnd(
  signal: AbortSignal,
  runtime: Runtime,
  app: App,
  server: Server,
  log: Log,
  { shutdownDelay, shutdownTimeout }: Pick<ServeValues, "shutdownDelay" | "shutdownTimeout">,
): Promise<void> {
  const interrupted = new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.race([interrupted, runtime.failure]);
  if (runtime.failed) {
    log.error(`${runtime.failed.message}; the server ends`);
    return await server.stop(failureGraceMs);
  }
  app.leave();
  if (shutdownDelay > 0) await Promise.race([Bun.sleep(shutdownDelay * 1000), runtime.failure]);
  if (app.active > 0) log.info(`Finishing ${app.active} answers; press CTRL+C again to stop at once`);
  await server.stop(shutdownTimeout * 1000);
}

function tellNews(news: EngineNews, log: Log): void {
  if (news.type === "recovered") return log.info(`Loaded again in ${formatDuration(news.ms)}`);
  const { error, pauseMs } = news;
  const when = pauseMs > 0 ? `in ${formatDuration(pauseMs)}` : "now";
  log.error(`${error.message}; the model is loaded again ${when}`);
  if (error.cause) log.debug(String(error.cause));
}

function describePolicy(policy: PicturePolicy): string {
  if (!policy.allowRemote) return "refused (--allow-remote-images allows them)";
  const from = policy.allowedDomains ? `from ${policy.allowedDomains.join(", ")}` : "from public addresses";
  return policy.allowPrivate ? `${from} and from private networks` : from;
}
