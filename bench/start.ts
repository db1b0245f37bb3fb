/**
 * What a person waits for: `--version`, and the first letter of an answer about a picture.
 *
 *     bun bench/start.ts [MODEL PICTURE] [--save]
 *
 * Starts `dist/llamav` (build it first) nine times each, with caches as they are: run it twice for warm ones.
 */
import { basename } from "node:path";
import { argv } from "node:process";
import { parseArgs } from "node:util";
import { Device } from "../src/gpu/device.ts";
import { saveResults } from "./results_file.ts";

const RUNS = 9;
const executable = "dist/llamav";

/** Milliseconds from the start of a process to the first byte of its output. */
async function firstByte(args: readonly string[]): Promise<number> {
  const start = performance.now();
  const child = Bun.spawn([executable, ...args], { stdout: "pipe", stderr: "ignore" });
  const { value } = await child.stdout.getReader().read();
  const ms = performance.now() - start;
  child.kill();
  await child.exited;
  if (!value?.length) throw new Error(`${executable} ${args.join(" ")} printed nothing`);
  return ms;
}

async function measure(args: readonly string[]): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) times.push(await firstByte(args));
  return times.toSorted((a, b) => a - b)[RUNS >> 1]!;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    args: argv.slice(2),
    options: { save: { type: "boolean" } },
    allowPositionals: true,
  });
  const [
    model = "tests/goldens/checkpoints/mid-mllama",
    picture = "tests/goldens/images/grace_hopper.jpg",
  ] = positionals;
  const version = await measure(["--version"]);
  const token = await measure(["run", model, "What is this?", "--image", picture, "--temp", "0"]);
  console.log(`--version ${version.toFixed(1)} ms, first text of ${basename(model)} ${token.toFixed(0)} ms`);
  if (!values.save) return;
  const device = Device.open();
  const { info } = device;
  device.dispose();
  saveResults(info, [
    { op: "start_version", shape: "process", dtype: "-", ms: version, rate: version, unit: "ms" },
    { op: "start_first_text", shape: basename(model), dtype: "-", ms: token, rate: token, unit: "ms" },
  ]);
}

await main();
