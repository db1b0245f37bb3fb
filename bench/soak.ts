/**
 * A soak: random requests of every kind for a long time, and whether the server's memory and handles stay flat.
 *
 *     bun bench/soak.ts [MODEL] [--minutes N] [--lanes N] [--seed N] [--executable F] [--json] [--save]
 *
 * MODEL is a checkpoint or, left out, the demo. Thirty times, or every five seconds in a short run, all clients wait
 * until nothing runs, and the process is looked at. Prints a report, `--save` keeps it in `bench/results/`, and ends with
 * exit code 1 if one of its rules is broken. Linux only: it counts another process's memory and handles.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv, exit } from "node:process";
import { parseArgs } from "node:util";
import { generator } from "../src/base/random.ts";
import { type ServedModel, serveModel } from "./served_model.ts";
import { type Action, actions, type Client } from "./soak/actions.ts";
import { modelAndDevice, processState, whatIsHeld } from "./soak/looks.ts";
import { describe, judge, type Sample, type Soak } from "./soak/report.ts";

/** Times that everybody waits, where that is not too often. */
const rests = 30;
const shortestMs = 5000;
/** Shorter than the server asks for, so that the queue stays full. */
const refusedPauseMs = 250;

const { values, positionals: [model] } = parseArgs({
  args: argv.slice(2),
  options: {
    minutes: { type: "string", default: "30" },
    lanes: { type: "string", default: "12" },
    seed: { type: "string", default: "1" },
    executable: { type: "string", default: "dist/llamav" },
    json: { type: "boolean" },
    save: { type: "boolean" },
  },
  allowPositionals: true,
});

async function main(): Promise<boolean> {
  const [minutes, lanes, seed] = [number("minutes"), number("lanes"), number("seed")];
  // A short queue: being refused is a part of it.
  await using server = await serveModel(values.executable, model, ["--max-num-queued-reqs", "6"]);
  const soak = await run(server, minutes * 60_000, lanes, seed);
  const passed = judge(soak).every((verdict) => verdict.passed);
  const report = describe(soak);
  console.log(values.json ? JSON.stringify({ ...soak, verdicts: judge(soak) }, null, 2) : report);
  if (values.save) writeFileSync(join(import.meta.dir, "results", "soak.md"), report);
  return passed;
}

async function run(server: ServedModel, durationMs: number, lanes: number, seed: number): Promise<Soak> {
  const begin = performance.now();
  const elapsed = () => performance.now() - begin;
  const restEvery = Math.max(shortestMs, durationMs / rests);
  const outcomes: Record<string, Record<string, number>> = {};
  const surprises: string[] = [];
  const samples: Sample[] = [];
  let requests = 0;
  const clients = Array.from(
    { length: lanes },
    (_, lane): Client => ({ url: server.url, next: generator(seed * 1000 + lane) }),
  );
  while (elapsed() < durationMs) {
    const until = Math.min(durationMs, elapsed() + restEvery);
    await Promise.all(clients.map(async (client) => {
      while (elapsed() < until) {
        const action = choose(client.next());
        const outcome = await action.run(client).catch((error: Error) => `failed: ${error.message}`);
        requests++;
        const counts = outcomes[action.name] ??= {};
        counts[outcome] = (counts[outcome] ?? 0) + 1;
        if (!action.expected.test(outcome)) surprises.push(`${action.name}: ${outcome}`);
        // Who was refused would otherwise ask again at once, and most requests would be refusals.
        if (outcome === "429") await Bun.sleep(refusedPauseMs);
      }
    }));
    await settled(server);
    samples.push({ at: elapsed() / 1000, requests, ...processState(server.pid) });
    const { rssBytes, handles } = samples.at(-1)!;
    console.error(
      `${(elapsed() / 60_000).toFixed(1)} min: ${requests} requests, ${(rssBytes / 1e6).toFixed(0)} MB, ` +
        `${handles} handles, ${surprises.length} surprises`,
    );
  }
  return {
    ...await modelAndDevice(server.url),
    commit: spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: import.meta.dir }).stdout.toString()
      .trim(),
    date: new Date().toISOString().slice(0, 10),
    seed,
    samples,
    outcomes,
    surprises,
    held: await whatIsHeld(server.url),
  };
}

/** Waits until the server holds nothing and its connections are closed, or for as long as that may take. */
async function settled(server: ServedModel): Promise<void> {
  const deadline = performance.now() + 30_000;
  let before = Infinity;
  while (performance.now() < deadline) {
    await Bun.sleep(500);
    const { handles } = processState(server.pid);
    const held = Object.values(await whatIsHeld(server.url)).some((value) => value !== 0);
    if (!held && handles === before) return;
    before = handles;
  }
}

const totalWeight = actions.reduce((sum, { weight }) => sum + weight, 0);

function choose(draw: number): Action {
  let left = draw * totalWeight;
  return actions.find(({ weight }) => (left -= weight) < 0) ?? actions[0]!;
}

function number(name: "minutes" | "lanes" | "seed"): number {
  const value = Number(values[name]);
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0, not "${values[name]}"`);
  return value;
}

exit(await main() ? 0 : 1);
