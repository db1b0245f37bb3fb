import { generator } from "../../src/base/random.ts";
import type { MllamaConfig } from "../../src/model/config.ts";
import { percentile } from "../../src/runtime/bench_report.ts";
import { randomImage, randomPrompt } from "../../src/runtime/bench_requests.ts";
import type { Result } from "../results_file.ts";
import type { Answer, Driver, Question } from "./driver.ts";
import { between, percentiles, share } from "./numbers.ts";

/** A load: how many sequences of which lengths, and how they arrive. */
export interface Load {
  readonly sequences: number;
  readonly prompt: readonly [number, number];
  readonly tokens: readonly [number, number];
  /** Every second sequence, at random, asks about a picture: all about one, or each about its own. */
  readonly images: "none" | "shared" | "distinct";
  /** Sequences that are open at a time; each that ends makes room for the next. */
  readonly concurrency: number;
  /** Arrivals by the second instead, at random times; the engine may fall behind. */
  readonly rate?: number;
  readonly seed: number;
}

/** The questions of a load, in order of arrival. */
export function questions(
  config: MllamaConfig,
  { sequences, prompt, tokens, images, seed }: Load,
): Question[] {
  const next = generator(seed);
  const { maxNumTiles } = config.vision;
  return Array.from({ length: sequences }, (_, i) => {
    const own = seed * 100_000 + i;
    const text = randomPrompt(config, own, between(next, prompt));
    const maxTokens = between(next, tokens);
    const tiles = between(next, [1, maxNumTiles]);
    if (images === "none" || next() < 0.5) return { tokens: text, images: [], maxTokens };
    const picture = images === "shared"
      ? randomImage(config, seed, maxNumTiles)
      : randomImage(config, own, tiles);
    return { tokens: [config.imageTokenIndex, ...text], images: [picture], maxTokens };
  });
}

/** Runs a load to its end, prints what was seen, and gives what is worth keeping. */
export function runLoad(driver: Driver, load: Load): Result[] {
  const asked = questions(driver.engine.config, load);
  // What the counters say now is subtracted; the first steps of each kind compile and record.
  const warm = questions(driver.engine.config, { ...load, seed: load.seed + 1, sequences: load.concurrency });
  play(driver, warm, { ...load, rate: undefined });
  const before = structuredClone(driver.engine.stats);
  const [stepMs, waitMs, steps] = [driver.stepMs, driver.waitMs, driver.steps];
  const begin = performance.now();
  const answers = play(driver, asked, load);
  const ms = performance.now() - begin;
  const { stats } = driver.engine;
  const since = (name: "generatedTokens" | "promptTokens" | "cachedTokens" | "imageHits" | "imageMisses") =>
    stats[name] - before[name];
  const generated = since("generatedTokens");
  const firsts = answers.map(({ addedAt, tokenTimes }) => tokenTimes[0]! - addedAt);
  const gaps = answers.flatMap(({ tokenTimes }) => gapsOf(tokenTimes));
  const rate = generated / ms * 1000;
  const hits = since("imageHits");
  const busyMs = driver.stepMs - stepMs;
  for (
    const [name, text] of [
      ["sequences", `${answers.length}, images ${load.images}, ${describeArrival(load)}`],
      ["answers", `${generated} tokens in ${(ms / 1000).toFixed(2)} s: ${rate.toFixed(1)} tokens/s`],
      [
        "prompts",
        `${since("promptTokens")} tokens, ${share(since("cachedTokens"), since("promptTokens"))} found`,
      ],
      [
        "pictures",
        `${hits + since("imageMisses")} asked about, ${share(hits, hits + since("imageMisses"))} found`,
      ],
      ["first token", percentiles(firsts)],
      ["between tokens", percentiles(gaps)],
      ["preemptions", String(stats.preemptions - before.preemptions)],
      ["device idle", `${share(stats.idleMs - before.idleMs, ms)} of the time`],
      ["host", `${share(busyMs - (driver.waitMs - waitMs), busyMs)} of ${driver.steps - steps} steps`],
    ] as const
  ) console.log(`${name.padEnd(16)}${text}`);
  const shape = `${load.sequences} ${load.images} ${describeArrival(load)}`;
  const row = (op: string, value: number, perSecond: number, unit: string): Result => ({
    op: `engine_${op}`,
    shape,
    dtype: "-",
    ms: value,
    rate: perSecond,
    unit,
  });
  return [
    row("throughput", ms, rate, "tokens/s"),
    ...([["ttft", firsts], ["itl", gaps]] as const).flatMap(([op, values]) =>
      [50, 90, 99].map((percent) => {
        const value = percentile(values, percent);
        return row(`${op}_p${percent}`, value, value, "ms");
      })
    ),
  ];
}

/** Adds questions as they arrive and steps until all are answered. */
function play(driver: Driver, asked: readonly Question[], { concurrency, rate, seed }: Load): Answer[] {
  const next = generator(seed + 2);
  const answers: Answer[] = [];
  let due = performance.now();
  while (answers.length < asked.length || driver.open > 0) {
    while (answers.length < asked.length && (rate ? due <= performance.now() : driver.open < concurrency)) {
      answers.push(driver.add(asked[answers.length]!));
      // Exponential gaps: arrivals that know nothing of each other.
      if (rate) due += -Math.log(1 - next()) / rate * 1000;
    }
    if (!driver.engine.idle) driver.step();
    else if (rate) Bun.sleepSync(Math.max(0, due - performance.now()));
  }
  return answers;
}

export function gapsOf(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - times[i]!);
}

function describeArrival({ concurrency, rate }: Load): string {
  return rate ? `${rate}/s` : `${concurrency} at a time`;
}
