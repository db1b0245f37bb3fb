import type { Command } from "commander";
import { ExplainedError } from "../base/errors.ts";
import { settings, type SettingValues } from "../runtime/options.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit_codes.ts";
import { addFlags, readFlags } from "./flags.ts";
import { interruptible } from "./interrupt.ts";
import type { Target } from "./load/ask.ts";
import type { LoadSettings } from "./load/describe.ts";
import { parseGoals } from "./load/goodput.ts";
import type { LoadReport } from "./load/report.ts";
import { fetchText, serverUrl } from "./server_address.ts";
import { version } from "./version.ts";

const flags = [
  "loadRequests",
  "loadConcurrency",
  "loadRate",
  "loadPromptWords",
  "loadMaxTokens",
  "loadIgnoreEos",
  "loadPictures",
  "loadPictureSize",
  "loadStream",
  "loadSeed",
  "loadWarmUps",
  "loadTimeout",
  "loadGoals",
  "clientKey",
  "clientKeyFile",
  "json",
] as const;

type Values = SettingValues<typeof flags[number]>;

/** As many connections as this process keeps open. */
const mostOpen = 256;
const usualConcurrency = 8;
/** Of requests that are made before the first is sent. */
const aheadMegabytes = 256;

const help = `
Examples:
  llamav bench serve http://127.0.0.1:8000
  llamav bench serve gpu.example:8000 my-model --requests 200 --rate 4 --pictures distinct --json
  llamav bench serve gpu.example:8000 --rate 4 --goodput ttft:500,tpot:50

Drives any server with an OpenAI API: llamav, vLLM, llama.cpp, Ollama. URL is what a client would be given; without a
path it is that of the server, and /v1 is meant. NAME may be left out where the server has one model.
No two prompts begin alike, and without --seed no two runs: what a server has kept of earlier ones does not help it.
Requests are made before the first is sent, as many as ${aheadMegabytes} MB hold. Those beyond, of many or large distinct pictures,
are made beside open answers, whose times can grow by that: a smaller --picture-size or fewer --requests avoid it.
Tokens are counted by the server; where it does not say, the pieces of its streams are. Ctrl-C prints what there is.
The exit code is 1 if nothing was answered, 8 if no server is there.`;

/** `llamav bench serve URL [MODEL]`: how fast a server answers many requests. */
export function addBenchServe(bench: Command, context: CliContext): void {
  const command = bench.command("serve").summary("measure how fast a server answers many requests")
    .description("Sends many requests to a server with an OpenAI API, and tells how fast it answers.")
    .argument("<url>", "address of the server, or base URL of its API")
    .argument("[name]", "name of the model, as GET /v1/models lists it")
    .addHelpText("after", help)
    .showHelpAfterError("Try llamav bench serve --help");
  addFlags(command, flags);
  command.action(async (url: string, name: string | undefined) => {
    checkPlaces(bench);
    const values = readFlags(command, flags, context.env);
    const { readKeys, warnOfShownKey } = await import("./serve_access.ts");
    const asked = loadSettings(values);
    const log = { warn: (text: string) => context.terminal.note(text) };
    warnOfShownKey(command, log);
    const [key] = readKeys({ apiKey: values.clientKey, apiKeyFile: values.clientKeyFile }, log);
    const target = { base: apiBase(url), key, timeoutMs: values.loadTimeout * 1000 };
    const model = name ?? await onlyModel(target);
    await interruptible(({ signal }) =>
      measure({ ...target, model }, asked, values.json ?? false, context, signal)
    );
  });
}

/** @throws {UsageError} If flags stand before "serve": they would be those of `llamav bench`, which does not run. */
function checkPlaces(bench: Command): void {
  const early = bench.options.find((option) =>
    bench.getOptionValueSource(option.attributeName()) === "cli" && option.long !== settings.debug.flag
  );
  if (early) {
    throw new UsageError(
      `${early.long} must stand behind "serve"`,
      "Write: llamav bench serve URL, then flags",
    );
  }
}

/** A path is taken as it is; of a bare address it is the usual one. */
function apiBase(text: string): URL {
  const url = serverUrl(text);
  if (url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "") {
    throw new UsageError(
      "URL must have nothing but the server and a path",
      "Give a key with --api-key-file, and leave ? and # out",
    );
  }
  const base = new URL(url);
  // Set, not resolved: a path that begins with two slashes would name another server.
  base.pathname = url.pathname === "/" ? "/v1/" : url.pathname.replace(/\/*$/, "/");
  return base;
}

/** @throws {UsageError} If the server has several models, or none. */
async function onlyModel({ base, key }: Target): Promise<string> {
  const remedy = "Name the model after the URL: then the server need not list it";
  const names = readNames(await fetchText(new URL("models", base), key, remedy));
  if (names.length === 1) return names[0]!;
  throw new UsageError(
    names.length === 0
      ? `${base}models lists no model`
      : `The server has ${names.length} models: ${names.slice(0, 10).join(", ")}${
        names.length > 10 ? ", …" : ""
      }`,
    "Name the model after the URL",
  );
}

function readNames(text: string): string[] {
  try {
    const { data } = JSON.parse(text) as { data: readonly { id: unknown }[] };
    return data.map(({ id }) => id).filter((id) => typeof id === "string");
  } catch {
    // It is another list than OpenAI's; there is a way to do without it.
    return [];
  }
}

async function measure(
  target: Target & { readonly model: string },
  asked: LoadSettings,
  json: boolean,
  { terminal }: CliContext,
  stop: AbortSignal,
): Promise<void> {
  // Read when they are needed: the help of `bench` waits for none of them.
  const { chatRequest } = await import("./load/ask.ts");
  const { describeHead, describeReport } = await import("./load/describe.ts");
  const { Questions } = await import("./load/questions.ts");
  const { summarize } = await import("./load/report.ts");
  const { runLoad } = await import("./load/run_load.ts");
  const { findManner } = await import("./load/warm_up.ts");
  const { model } = target;
  const questions = new Questions({ ...asked, model });
  const { requests, warmUps } = asked;
  terminal.progress("Warming up");
  const first = questions.body(requests);
  const manner = await findManner(target, first, asked.stream, stop);
  const prepare = (index: number) => chatRequest(target, questions.body(index), manner, stop);
  const ahead = Math.ceil(aheadMegabytes * 1e6 / JSON.stringify(first).length);
  const plan = { ...asked, ahead, maxWaitMs: target.timeoutMs };
  const others = { ...plan, requests: warmUps - 1, rate: undefined };
  await runLoad(others, (index) => prepare(requests + 1 + index), stop);
  stop.throwIfAborted();
  const run = await runLoad(plan, prepare, stop, (ended, open) => {
    terminal.progress(`Asking: ${ended} of ${requests} done, ${open} open`);
  });
  const report = summarize(run, asked.goals);
  const head = { program: `llamav ${version}`, url: target.base.href, model, settings: asked };
  await terminal.print(
    json
      ? `${JSON.stringify({ ...head, ...report, stopped: stop.aborted }, null, 2)}\n`
      : `${describeHead(head)}\n${describeReport(report, asked.goals)}`,
  );
  stop.throwIfAborted();
  if (report.answered === 0) throw nothingAnswered(report);
}

function loadSettings(values: Values): LoadSettings {
  return {
    requests: values.loadRequests,
    concurrency: values.loadConcurrency ?? (values.loadRate === undefined ? usualConcurrency : mostOpen),
    rate: values.loadRate,
    promptWords: values.loadPromptWords,
    maxTokens: values.loadMaxTokens,
    ignoreEos: values.loadIgnoreEos ?? false,
    pictures: values.loadPictures,
    pictureSize: values.loadPictureSize,
    stream: values.loadStream ?? true,
    seed: values.loadSeed ?? randomSeed(),
    warmUps: values.loadWarmUps,
    goals: values.loadGoals === undefined ? undefined : parseGoals(values.loadGoals),
  };
}

/** Short enough to be typed again. */
function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

function nothingAnswered({ failures: [first], failed }: LoadReport): Error {
  return new ExplainedError(
    `None of ${failed} requests was answered${first === undefined ? "" : `, most for: ${first.reason}`}`,
    "The errors are listed with the report",
  );
}
