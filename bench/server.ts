/**
 * The server beside the engine that it serves.
 *
 *     bun bench/server.ts [MODEL] [--only share|fairness|path] [--rounds N] [--batch N] [--prompt N] [--tokens N]
 *                         [--device NAME] [--executable F] [--save]
 *
 * MODEL is a checkpoint or, left out, the demo.
 *
 * share: tokens per second of the executable's server and of an engine in this process, asked the same in turns, and what
 * a streamed token takes of the server's main thread, and of one that does nothing but write. fairness: how long four clients wait for their answers among
 * themselves, and while a fifth floods the queue. path: what a token takes of the main thread from the engine's message
 * to the socket, with a simulated engine. Single rounds differ by a tenth here, so that a median needs many.
 *
 * Build the executable first. Linux only: it counts the time of one thread of another process.
 */
import { basename } from "node:path";
import { argv } from "node:process";
import { parseArgs } from "node:util";
import { readConfig } from "../src/model/config.ts";
import { modelDirectory } from "../src/runtime/models.ts";
import { buildShaders } from "../tools/build_shaders.ts";
import { Driver } from "./engine/driver.ts";
import { type Result, saveResults } from "./results_file.ts";
import { serveBare, serveModel } from "./served_model.ts";
import { fairnessKeys, measureFairness } from "./server/fairness.ts";
import { measureShare } from "./server/share.ts";
import { measureStreamPath } from "./server/stream_path.ts";

const defaults = { rounds: "15", batch: "8", prompt: "64", tokens: "256" };
const parts = ["share", "fairness", "path"] as const;
/** Tokens of each stream that the path is measured with, each round. */
const pathTokens = 2000;

async function main(): Promise<void> {
  const { values, positionals: [model] } = parseArgs({
    args: argv.slice(2),
    options: {
      rounds: { type: "string", default: defaults.rounds },
      batch: { type: "string", default: defaults.batch },
      prompt: { type: "string", default: defaults.prompt },
      tokens: { type: "string", default: defaults.tokens },
      only: { type: "string" },
      device: { type: "string" },
      executable: { type: "string", default: "dist/llamav" },
      save: { type: "boolean" },
    },
    allowPositionals: true,
  });
  const { only, executable, device } = values;
  if (only !== undefined && !parts.some((part) => part === only)) {
    throw new Error(`--only must be ${parts.join(", ")}, not "${only}"`);
  }
  const options = {
    rounds: wholeNumber("rounds", values.rounds),
    batch: wholeNumber("batch", values.batch),
    prompt: wholeNumber("prompt", values.prompt),
    tokens: wholeNumber("tokens", values.tokens),
  };
  const wanted = (part: typeof parts[number]) => only === undefined || only === part;
  for (const { shader, output } of buildShaders()) throw new Error(`${shader}: ${output}`);

  const directory = modelDirectory(model ?? "demo");
  const driver = openDriver(directory, device, options.batch);
  const { info } = driver.device;
  const name = basename(directory);
  console.log(`${name} on ${info.name}, ${info.driverName} ${info.driverInfo}`);
  const results: Result[] = [];
  try {
    // The engine's own limits, so that both do the same.
    const flags = [
      "--ctx-size",
      String(driver.engine.info.contextLength),
      "--max-num-seqs",
      String(options.batch),
    ];
    if (device !== undefined) flags.push("--device", device);
    if (wanted("share")) {
      await using server = await serveModel(executable, model, flags);
      const { contextLength } = driver.engine.info;
      await using bareServer = await serveBare(directory, contextLength, options.batch, device);
      results.push(...await measureShare(driver, server, bareServer, options));
    }
    if (wanted("fairness")) {
      const keys = fairnessKeys.flatMap((key) => ["--api-key", key]);
      await using server = await serveModel(executable, model, [...flags, ...keys]);
      results.push(...await measureFairness(driver.engine.config, server, options.rounds));
    }
    if (wanted("path")) results.push(...await measureStreamPath(options.rounds, pathTokens));
  } finally {
    driver.dispose();
  }
  for (const { op, shape, rate, unit } of results) {
    console.log(`${op.padEnd(28)} ${shape.padEnd(38)} ${rate.toFixed(2).padStart(10)} ${unit}`);
  }
  if (values.save) saveResults(info, results.map((each) => ({ ...each, shape: `${name} ${each.shape}` })));
}

function openDriver(model: string, device: string | undefined, maxSequences: number): Driver {
  const contextLength = Math.min(2048, readConfig(model).text.maxPositionEmbeddings);
  return new Driver({ model, device, contextLength, maxSequences });
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a number, not "${text}"`);
  return value;
}

await main();
