/**
 * The engine under load: sequences of random lengths that come and go, with and without pictures.
 *
 *     bun bench/engine.ts [MODEL] [--sequences N] [--concurrency N | --rate N] [--images none|shared|distinct]
 *                         [--prompt LOW-HIGH] [--tokens LOW-HIGH] [--seed N] [--device NAME] [--save]
 *     bun bench/engine.ts [MODEL] --compare batch [--rounds N] [--steps N] [--device NAME] [--save]
 *
 * MODEL is a checkpoint or, left out, the demo. The first form prints throughput, times to the first token and between
 * tokens, and what the caches found. The second compares, in turns: a batch with one sequence, the second question about
 * a picture with the first, streams beside a long prompt with streams alone; and says what the host adds to a step and
 * what its heap gains in many (`--steps 0` leaves that out). The engine runs in this thread, without the worker.
 */
import { basename } from "node:path";
import { argv } from "node:process";
import { parseArgs } from "node:util";
import { readConfig } from "../src/model/config.ts";
import { modelDirectory } from "../src/runtime/models.ts";
import { buildShaders } from "../tools/build_shaders.ts";
import { compare } from "./engine/compare.ts";
import { Driver } from "./engine/driver.ts";
import { type Load, runLoad } from "./engine/load.ts";
import { saveResults } from "./results_file.ts";

const defaults = {
  sequences: "32",
  concurrency: "8",
  images: "none",
  prompt: "16-256",
  tokens: "16-128",
  seed: "1",
  rounds: "5",
  steps: "10000",
};
/** Room for the long prompt of the comparison, on models that have it, and for all that is beside it: no preemption. */
const [mostContext, contexts] = [4096, 9];

function main(): void {
  const { values, positionals: [model = "demo"] } = parseArgs({
    args: argv.slice(2),
    options: {
      ...Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: "string" as const }])),
      rate: { type: "string" },
      compare: { type: "string" },
      device: { type: "string" },
      save: { type: "boolean" },
    },
    allowPositionals: true,
  });
  if (values.compare !== undefined && values.compare !== "batch") {
    throw new Error(`--compare must be batch, not "${values.compare}"`);
  }
  const given = { ...defaults, ...values as Partial<typeof defaults> };
  for (const { shader, output } of buildShaders()) throw new Error(`${shader}: ${output}`);
  const driver = openDriver(modelDirectory(model), values.device as string | undefined);
  const { info } = driver.device;
  console.log(`${basename(model)} on ${info.name}, ${info.driverName} ${info.driverInfo}`);
  try {
    const results = values.compare
      ? compare(driver, number("rounds", given.rounds), number("steps", given.steps, 0))
      : runLoad(driver, readLoad(given, values.rate as string | undefined));
    if (values.save) {
      const named = results.map((each) => ({ ...each, shape: `${basename(model)} ${each.shape}` }));
      saveResults(info, named);
    }
  } finally {
    driver.dispose();
  }
}

function openDriver(model: string, device: string | undefined): Driver {
  const { text } = readConfig(model);
  const contextLength = Math.min(mostContext, text.maxPositionEmbeddings);
  return new Driver({ model, device, contextLength, kvTokens: contexts * contextLength, maxQueued: 65_536 });
}

function readLoad(given: typeof defaults, rate: string | undefined): Load {
  const { images } = given;
  if (images !== "none" && images !== "shared" && images !== "distinct") {
    throw new Error(`--images must be none, shared or distinct, not "${images}"`);
  }
  return {
    sequences: number("sequences", given.sequences),
    concurrency: number("concurrency", given.concurrency),
    rate: rate === undefined ? undefined : number("rate", rate, Number.MIN_VALUE),
    images,
    prompt: range("prompt", given.prompt),
    tokens: range("tokens", given.tokens),
    seed: number("seed", given.seed),
  };
}

function number(name: string, text: string, least = 1): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (!(Number.isFinite(value) && value >= least)) {
    throw new Error(`--${name} must be a number, not "${text}"`);
  }
  return value;
}

function range(name: string, text: string): readonly [number, number] {
  const [low, high = low] = text.split("-");
  const ends = [number(name, low!), number(name, high!)] as const;
  if (ends[0] > ends[1]) throw new Error(`--${name} must rise, not "${text}"`);
  return ends;
}

main();
