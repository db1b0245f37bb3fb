import type { Command } from "commander";
import { createLog } from "../base/log.ts";
import { formatCount, formatDuration } from "../base/units.ts";
import type { SettingValues } from "../runtime/options.ts";
import { type CliContext, showProgress } from "./context.ts";
import { addFlags, readFlags } from "./flags.ts";
import { interruptible } from "./interrupt.ts";
import { oneModel } from "./model_argument.ts";

const modelFlags = ["model", "huggingfaceRepoId"] as const;
const flags = [
  "host",
  "port",
  "device",
  "contextLength",
  "allowRemoteImages",
  "allowPrivateImages",
  "allowedMediaDomains",
  "shutdownTimeout",
  "verbose",
] as const;

const help = `
Examples:
  llamav serve ./model
  llamav serve --model ./model --port 9000

Ask it, with any OpenAI client or with curl:
  curl -N http://127.0.0.1:8000/v1/chat/completions -H "Content-Type: application/json" -d '{
    "model": "default", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}'

Routes: POST /v1/chat/completions, GET /v1/models, GET /v1/models/{id}, GET /health
Pictures come as data: URLs, or by http(s) URL where that is allowed. There is no password: let other machines
in (--host 0.0.0.0) on a network that you trust only.`;

/** `llamav serve MODEL`: the OpenAI API over HTTP until a signal ends it. */
export function addServe(program: Command, context: CliContext): void {
  const command = program.command("serve").summary("answer requests over HTTP, as the OpenAI API does")
    .description("Serves a model over HTTP in the way of the OpenAI API.")
    .argument("[model]", "directory of a checkpoint in Hugging Face layout")
    .addHelpText("after", help);
  addFlags(command, [...modelFlags, ...flags]);
  command.action(async (positional: string | undefined) => {
    await serve(chooseModel(command, positional, context), readFlags(command, flags, context.env), context);
  });
}

/** What the command line says wins over the variables, as everywhere. */
function chooseModel(command: Command, positional: string | undefined, { env }: CliContext): string {
  const given = readFlags(command, modelFlags, {});
  if (positional ?? given.model ?? given.huggingfaceRepoId) {
    return oneModel(positional, given.model, given.huggingfaceRepoId);
  }
  const fallback = readFlags(command, modelFlags, env);
  return oneModel(fallback.model, fallback.huggingfaceRepoId);
}

async function serve(
  model: string,
  values: SettingValues<typeof flags[number]>,
  context: CliContext,
): Promise<void> {
  const { terminal, services } = context;
  const started = performance.now();
  const log = createLog((line) => terminal.note(line.slice(0, -1)), values.verbose ? "debug" : "info");
  const runtime = await services.openRuntime({
    model,
    device: values.device,
    contextLength: values.contextLength,
    onProgress: showProgress(terminal),
  });
  try {
    const { createApp } = await import("../http/app.ts");
    const { acceptedHosts, isLoopback } = await import("../http/guard.ts");
    const { startServer } = await import("../http/server.ts");
    const policy = {
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
    log.info(
      `Loaded in ${formatDuration(performance.now() - started)}; pictures by URL: ${describePolicy(policy)}`,
    );
    log.info(`Server ready on ${server.url} (Press CTRL+C to quit)`);
    await interruptible(async ({ signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      if (app.active > 0) log.info(`Finishing ${app.active} answers; press CTRL+C again to stop at once`);
      await server.stop(values.shutdownTimeout * 1000);
    });
  } finally {
    await runtime.close();
  }
}

function describePolicy(policy: {
  allowRemote: boolean;
  allowPrivate: boolean;
  allowedDomains?: readonly string[];
}): string {
  if (!policy.allowRemote) return "refused (--allow-remote-images allows them)";
  const from = policy.allowedDomains ? `from ${policy.allowedDomains.join(", ")}` : "from public addresses";
  return policy.allowPrivate ? `${from} and from private networks` : from;
}
