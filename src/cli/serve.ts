import type { Command } from "commander";
import { createLog, type Log } from "../base/log.ts";
import { formatCount, formatDuration } from "../base/units.ts";
import type { App } from "../http/app.ts";
import type { Server } from "../http/server.ts";
import type { SettingValues } from "../runtime/options.ts";
import type { PicturePolicy } from "../runtime/pictures.ts";
import type { EngineNews } from "../runtime/reports.ts";
import type { Runtime } from "../runtime/request.ts";
import { type CliContext, showProgress } from "./context.ts";
import { addFlags, readFlags } from "./flags.ts";
import { interruptible } from "./interrupt.ts";
import { describeMemory, describeNotes } from "./loaded_model.ts";
import { modelArgument, modelOrDemo, oneModel } from "./model_argument.ts";

const modelFlags = ["model", "huggingfaceRepoId"] as const;
const flags = [
  "host",
  "port",
  "device",
  "contextLength",
  "imageTiles",
  "maxTiles",
  "maxQueued",
  "maxQueuedTokens",
  "maxSequences",
  "kvTokens",
  "prefixCache",
  "allowRemoteImages",
  "allowPrivateImages",
  "allowedMediaDomains",
  "shutdownTimeout",
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

Routes: POST /v1/chat/completions, GET /v1/models, GET /v1/models/{id}, GET /health
Pictures come as data: URLs, or by http(s) URL where that is allowed. There is no password: let other machines
in (--host 0.0.0.0) on a network that you trust only.
GET /health answers 200 "ok", or 503 "recovering", "draining" or "failed". After SIGINT or SIGTERM running answers
are finished and new requests get a 503 with Retry-After; then the process ends with exit code 0. When the device is
lost, running requests end with an error, the model is loaded again, and requests that come meanwhile wait for it.
When that fails three times in a row, the process ends with exit code 6, so that whoever supervises it can start it
again.
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
    await serve(modelOrDemo(model, context.terminal), values, context);
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

async function serve(model: string, values: ServeValues, context: CliContext): Promise<void> {
  const { terminal, services } = context;
  const started = performance.now();
  const log = createLog((line) => terminal.note(line.slice(0, -1)), values.verbose ? "debug" : "info");
  const runtime = await services.openRuntime({
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
    onProgress: showProgress(terminal),
    onNews: (news) => tellNews(news, log),
  });
  try {
    const { createApp } = await import("../http/app.ts");
    const { acceptedHosts, isLoopback } = await import("../http/guard.ts");
    const { startServer } = await import("../http/server.ts");
    const policy: PicturePolicy = {
      allowRemote: values.allowRemoteImages ?? isLoopback(values.host),
      allowPrivate: values.allowPrivateImages ?? false,
      allowedDomains: values.allowedMediaDomains.length > 0 ? values.allowedMediaDomains : undefined,
    };
    const app = createApp(runtime, {
      log,
      hosts: acceptedHosts(values.host),
      loadPicture: await services.pictureLoader(policy),
    });
    const server = startServer(app, values.host, values.port);
    const { id, contextLength, device } = runtime.model;
    log.info(`${id} on ${device}, ${formatCount(contextLength)} tokens of context`);
    log.info(describeMemory(runtime.model));
    for (const line of describeNotes(runtime.model)) log.info(line);
    log.info(
      `Loaded in ${formatDuration(performance.now() - started)}; pictures by URL: ${describePolicy(policy)}`,
    );
    log.info("Built with Llama");
    log.info(`Server ready on ${server.url} (Press CTRL+C to quit)`);
    await untilTheEnd(runtime, app, server, log, values.shutdownTimeout * 1000);
  } finally {
    await runtime.close();
  }
}

/**
 * Serves until a signal comes, or the runtime fails for good: what runs then gets its error from the runtime.
 *
 * @param graceMs how long running answers may go on after a signal
 * @throws The runtime's failure, which decides the exit code.
 */
async function untilTheEnd(
  runtime: Runtime,
  app: App,
  server: Server,
  log: Log,
  graceMs: number,
): Promise<void> {
  await interruptible(async ({ signal }) => {
    const interrupted = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([interrupted, runtime.failure]);
    if (runtime.failed) {
      log.error(`${runtime.failed.message}; the server ends`);
    } else if (app.active > 0) {
      log.info(`Finishing ${app.active} answers; press CTRL+C again to stop at once`);
    }
    await server.stop(runtime.failed ? failureGraceMs : graceMs);
  });
  if (runtime.failed) throw runtime.failed;
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
