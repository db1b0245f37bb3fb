import type { Command } from "commander";
import { formatBytes, formatCount, formatDuration } from "../base/units.ts";
import type { CliContext } from "./context.ts";
import { ServerUnreachableError } from "./exit_codes.ts";
import { addFlags, readFlags } from "./flags.ts";
import { fetchText, serverUrl } from "./server_address.ts";

const flags = ["serverHost", "serverPort", "clientKey", "clientKeyFile", "json"] as const;

/** What `ps` tells of a server. Its numbers are those of GET /metrics. */
interface ServerReport {
  readonly url: string;
  readonly state: string;
  readonly version: string;
  readonly model: string;
  readonly device: string;
  readonly contextLength?: number;
  readonly deviceMemoryBytes: number;
  readonly running: number;
  readonly waiting: number;
  readonly uptimeMs: number;
}

const help = `
Examples:
  llamav ps
  llamav ps https://gpu.example:8000 --api-key-file keys.txt --json

Without URL it asks the server of --host and --port, whose variables are those of serve. The exit code is 8 if none
answers.`;

/** `llamav ps [URL]`: what a running server does. */
export function addPs(program: Command, context: CliContext): void {
  const command = program.command("ps").summary("say what a running server does")
    .description("Asks a running server for its model, memory, load and uptime.")
    .argument("[url]", "address of the server")
    .addHelpText("after", help);
  addFlags(command, flags);
  command.action(async (given: string | undefined) => {
    const values = readFlags(command, flags, context.env);
    const { readKeys, warnOfShownKey } = await import("./serve_access.ts");
    const log = { warn: (text: string) => context.terminal.note(text) };
    warnOfShownKey(command, log);
    const [key] = readKeys({ apiKey: values.clientKey, apiKeyFile: values.clientKeyFile }, log);
    const url = serverUrl(given ?? `http://${addressOf(values.serverHost)}:${values.serverPort}`);
    const report = await askServer(url, key);
    await context.terminal.print(
      values.json ? `${JSON.stringify({ servers: [report] }, null, 2)}\n` : formatReport(report),
    );
  });
}

/** Who listens everywhere is found here. */
function addressOf(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

async function askServer(url: URL, key: string | undefined): Promise<ServerReport> {
  const metrics = parseMetrics(await fetchText(new URL("/metrics", url), key));
  const one = (name: string) => metrics.find((sample) => sample.name === name);
  const build = one("llamav_build_info");
  if (build === undefined) {
    throw new ServerUnreachableError(
      `What answers at ${url.origin} is no llamav server`,
      "Give the URL that serve prints",
    );
  }
  const contextLength = await fetchText(new URL("/v1/models", url), key).then(readContextLength).catch(() =>
    undefined
  );
  const memory = metrics.filter(({ name }) => name === "llamav_device_memory_bytes");
  const state = metrics.find(({ name, value }) => name === "llamav_state" && value === 1);
  return {
    url: url.origin,
    state: state?.labels.state ?? "unknown",
    version: build.labels.version ?? "",
    model: build.labels.model ?? "",
    device: build.labels.device ?? "",
    contextLength,
    deviceMemoryBytes: memory.reduce((sum, { value }) => sum + value, 0),
    running: one("llamav_sequences_running")?.value ?? 0,
    waiting: one("llamav_requests_waiting")?.value ?? 0,
    uptimeMs: Math.max(0, Date.now() - (one("process_start_time_seconds")?.value ?? 0) * 1000),
  };
}

/** @throws {Error} If it is not what GET /v1/models answers. */
function readContextLength(text: string): number | undefined {
  const { data } = JSON.parse(text) as { data?: readonly { max_model_len?: unknown }[] };
  const length = data?.[0]?.max_model_len;
  return typeof length === "number" ? length : undefined;
}

interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of Prometheus' text format; what is none is left out. */
function parseMetrics(text: string): MetricSample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = line.match(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(/\b([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)];
    const entries = pairs.map((
      [, key, text],
    ) => [key, text!.replace(/\\(.)/g, (_, c) => c === "n" ? "\n" : c)]);
    return [{ name, labels: Object.fromEntries(entries), value: Number(value) }];
  });
}

function formatReport(report: ServerReport): string {
  const { url, state, version, model, device, contextLength, deviceMemoryBytes, running, waiting, uptimeMs } =
    report;
  const rows = [
    ["server", `${url}, llamav ${version}, ${state}`],
    ["model", model || "not loaded yet"],
    ["device", device],
    ["context", contextLength === undefined ? "" : `${formatCount(contextLength)} tokens`],
    ["memory", deviceMemoryBytes > 0 ? `${formatBytes(deviceMemoryBytes)} on the device` : ""],
    ["answers", `${running} running, ${waiting} waiting`],
    ["uptime", formatDuration(uptimeMs)],
  ];
  return rows.filter(([, text]) => text !== "").map(([label, text]) => `${label!.padEnd(10)}${text}\n`).join(
    "",
  );
}
