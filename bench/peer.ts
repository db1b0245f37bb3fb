/**
 * Another program with the same weights beside ours, in turns: text only, one sequence, greedy.
 *
 *     bun bench/peer.ts MODEL [FILE...] --peer COMMAND [--rounds N] [--prompt N] [--tokens N] [--save]
 *
 * MODEL needs a tokenizer, for the first answer. FILEs are what the other program loads: before every round they and
 * MODEL's are read, so that both start from the page cache; their shader caches are empty then. COMMAND is run by a
 * shell as `COMMAND --prompt N --gen N --reps 3 --check` and prints one line of JSON: `prefill_median` and `decode_median`
 * (tokens/s), `cold_start_s` (start of the process to the first token), `peak_rss` (bytes), `tokens` (the greedy ones
 * after the prompt that both sides make from the same seed). Build `dist/llamav` first.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { argv, env } from "node:process";
import { parseArgs } from "node:util";
import { formatBytes } from "../src/base/units.ts";
import { Device } from "../src/gpu/device.ts";
import { median } from "../src/runtime/bench_report.ts";
import { modelDirectory } from "../src/runtime/models.ts";
import { buildPrompt, openFrontend } from "../src/runtime/prompt.ts";
import { type Result, saveResults } from "./results_file.ts";

const executable = "dist/llamav";
/** What one program did in one round. */
interface Side {
  readonly prefill: number;
  readonly decode: number;
  readonly startSeconds: number;
  readonly peakBytes: number;
  readonly tokens: readonly number[];
}

interface Task {
  readonly model: string;
  readonly peer: string;
  /** Tokens of the prompt, and a question that has as many within the chat template. */
  readonly prompt: number;
  readonly question: string;
  readonly tokens: number;
}

interface Ended {
  readonly stdout: string;
  readonly ms: number;
  readonly peakBytes: number;
}

/** Runs a command to its end, with shader caches in `caches`. */
async function execute(command: readonly string[], caches: string): Promise<Ended> {
  const begin = performance.now();
  const child = Bun.spawn([...command], {
    env: { ...env, XDG_CACHE_HOME: caches, MESA_SHADER_CACHE_DIR: caches },
    stdout: "pipe",
    stderr: "inherit",
  });
  const stdout = await new Response(child.stdout).text();
  if (await child.exited !== 0) throw new Error(`${command.join(" ")} ended with ${child.exitCode}`);
  return { stdout, ms: performance.now() - begin, peakBytes: child.resourceUsage()!.maxRSS };
}

/** A question of words of one token each, for a prompt of `length` tokens. */
async function askLength(model: string, length: number): Promise<string> {
  const frontend = openFrontend(modelDirectory(model));
  const count = async (words: number): Promise<{ text: string; tokens: number }> => {
    const text = Array.from({ length: words }, () => "a").join(" ");
    const messages = [{ role: "user", content: [{ type: "text", text }] }] as const;
    return { text, tokens: (await buildPrompt(frontend, { messages }, length)).tokens.length };
  };
  try {
    const { text, tokens } = await count(1 + length - (await count(1)).tokens);
    if (tokens !== length) throw new Error(`The prompt has ${tokens} tokens, wanted ${length}`);
    return text;
  } finally {
    frontend.pictures.close();
  }
}

async function runOurs({ model, prompt, question, tokens }: Task, caches: string): Promise<Side> {
  const answer = [executable, "run", model, question, "--max-tokens", "1", "--temp", "0"];
  const started = await execute(answer, caches);
  const sizes = ["--prompt", String(prompt), "--max-tokens", String(tokens), "--batch", "1", "--tiles", "0"];
  const bench = [executable, "bench", model, ...sizes, "--repeat", "3", "--check", "--json"];
  const { rows, greedy } = JSON.parse((await execute(bench, caches)).stdout) as {
    rows: { stage: string; shape: string; rate: number }[];
    greedy: { tokens: number[] };
  };
  const rate = (stage: string) => rows.find((row) => row.stage === stage)!.rate;
  return {
    prefill: rate("prefill"),
    decode: rate("decode"),
    startSeconds: started.ms / 1000, // the end is there: the one token may be none that shows
    peakBytes: started.peakBytes,
    tokens: greedy.tokens,
  };
}

async function runPeer({ peer, prompt, tokens }: Task, caches: string): Promise<Side> {
  const command = `${peer} --prompt ${prompt} --gen ${tokens} --reps 3 --check`;
  const told = JSON.parse((await execute(["sh", "-c", command], caches)).stdout) as Record<string, number> & {
    tokens: number[];
  };
  return {
    prefill: told["prefill_median"]!,
    decode: told["decode_median"]!,
    startSeconds: told["cold_start_s"]!,
    peakBytes: told["peak_rss"]!,
    tokens: told.tokens,
  };
}

/** Files, and those of directories, become part of the page cache. */
async function readAhead(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const files = statSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path];
    for (const file of files) for await (const _ of Bun.file(file).stream());
  }
}

/** Weights and caches of the plan that we print for `run`, which has one sequence; in bytes. */
async function plannedBytes(model: string, caches: string): Promise<number> {
  const { stdout } = await execute([executable, "inspect", model, "--max-num-seqs", "1", "--json"], caches);
  const { plan } = JSON.parse(stdout) as { plan: { allocations: { name: string; bytes: number }[] } };
  return plan.allocations.reduce((sum, { name, bytes }) => name === "working memory" ? sum : sum + bytes, 0);
}

/** Greedy tokens up to the first that differs. */
function shared({ tokens: ours }: Side, { tokens: theirs }: Side): number {
  const first = theirs.findIndex((token, i) => token !== ours[i]);
  return first < 0 ? theirs.length : first;
}

function rowsOf(sides: ReadonlyMap<string, readonly Side[]>, { prompt, tokens }: Task): Result[] {
  return [...sides].flatMap(([name, rounds]) => {
    const row = (op: string, shape: string, rate: number, unit: string) => ({
      op: `${name}_${op}`,
      shape,
      dtype: "bf16",
      ms: 0,
      rate,
      unit,
    });
    return [
      row("prefill", `${prompt} tokens`, median(rounds.map(({ prefill }) => prefill)), "tokens/s"),
      row("decode", `${tokens} tokens`, median(rounds.map(({ decode }) => decode)), "tokens/s"),
      row(
        "first_start",
        "empty caches",
        median(rounds.map(({ startSeconds }) => startSeconds)),
        "s to token 1",
      ),
      row("peak_memory", "text", Math.max(...rounds.map(({ peakBytes }) => peakBytes)), "bytes"),
    ];
  });
}

async function main(): Promise<void> {
  const { values, positionals: [model, ...files] } = parseArgs({
    args: argv.slice(2),
    options: {
      peer: { type: "string" },
      rounds: { type: "string", default: "3" },
      prompt: { type: "string", default: "128" },
      tokens: { type: "string", default: "16" },
      save: { type: "boolean" },
    },
    allowPositionals: true,
  });
  if (!model || !values.peer) throw new Error("Name a MODEL, and the other program with --peer");
  const prompt = Number(values.prompt);
  const question = await askLength(model, prompt);
  const task = { model, peer: values.peer, prompt, question, tokens: Number(values.tokens) };
  const sides = new Map<string, Side[]>([["llamav", []], ["peer", []]]);
  const caches = mkdtempSync(join(tmpdir(), "llamav-peer-"));
  let planned: number;
  try {
    planned = await plannedBytes(model, caches);
    console.log(`plan without working memory: ${formatBytes(planned)}`);
    for (let round = 0; round < Number(values.rounds); round++) {
      rmSync(caches, { recursive: true });
      for (const name of sides.keys()) mkdirSync(join(caches, name), { recursive: true });
      await readAhead([model, ...files]);
      sides.get("llamav")!.push(await runOurs(task, join(caches, "llamav")));
      sides.get("peer")!.push(await runPeer(task, join(caches, "peer")));
      for (const [name, all] of sides) console.log(name, JSON.stringify(all.at(-1)));
    }
  } finally {
    rmSync(caches, { recursive: true, force: true });
  }
  const rows = rowsOf(sides, task);
  const peak = Math.max(...sides.get("llamav")!.map(({ peakBytes }) => peakBytes));
  const times = {
    op: "llamav_peak_to_plan",
    shape: "text",
    dtype: "bf16",
    ms: 0,
    rate: peak / planned,
    unit: "times",
  };
  rows.push(times);
  for (const { op, shape, rate, unit } of rows) {
    console.log(op.padEnd(22), shape.padEnd(14), rate.toFixed(2), unit);
  }
  const common = Math.min(...sides.get("llamav")!.map((ours, i) => shared(ours, sides.get("peer")![i]!)));
  rows.push({
    op: "peer_greedy_common",
    shape: "tokens",
    dtype: "bf16",
    ms: 0,
    rate: common,
    unit: "tokens",
  });
  console.log(`greedy tokens in common: ${common} of ${task.tokens}`);
  if (!values.save) return;
  const device = Device.open();
  const { info } = device;
  device.dispose();
  saveResults(info, rows.map((row) => ({ ...row, shape: `${basename(model)} ${row.shape}` })));
}

await main();
