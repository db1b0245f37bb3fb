import { heapStats } from "bun:jsc";
import process from "node:process";
import { formatBytes } from "../../src/base/units.ts";
import { randomImage, randomPrompt } from "../../src/runtime/bench_requests.ts";
import { median, percentile } from "../../src/runtime/bench_report.ts";
import type { Result } from "../results_file.ts";
import type { Answer, Driver } from "./driver.ts";
import { gapsOf, questions } from "./load.ts";

const batchSizes = [1, 8] as const;
/** Steps over which a batch is measured. */
const batchSteps = 48;
/** Streams beside which a long prompt is computed, and that prompt's length where the context holds it. */
const [streamCount, longPrompt] = [4, 3000];
/** Tokens that each stream gives before the long prompt comes. */
const firstTokens = 100;

let seed = 1;

/** What the rounds have given so far. */
class Samples {
  readonly batches = batchSizes.map(() => ({
    rates: [] as number[],
    stepMs: [] as number[],
    hostMs: [] as number[],
  }));
  readonly first: number[] = [];
  readonly second: number[] = [];
  readonly quiet: number[] = [];
  readonly beside: number[] = [];

  /** Measures everything once. */
  round(driver: Driver): void {
    for (const [i, { rates, stepMs, hostMs }] of this.batches.entries()) {
      const batch = measureBatch(driver, batchSizes[i]!);
      rates.push(batch.rate);
      stepMs.push(batch.stepMs);
      hostMs.push(batch.hostMs);
    }
    const asked = askTwice(driver);
    this.first.push(asked.first);
    this.second.push(asked.second);
    const streams = disturb(driver);
    this.quiet.push(...streams.quiet);
    this.beside.push(...streams.beside);
  }

  rows(prompt: string): Result[] {
    const [one, many] = this.batches.map(({ rates }) => median(rates)) as [number, number];
    const [first, second] = [median(this.first), median(this.second)];
    const [quiet, beside] = [percentile(this.quiet, 99), percentile(this.beside, 99)];
    return [
      ...this.batches.flatMap(({ stepMs, hostMs }, i) => {
        const [shape, step, host] = [`batch ${batchSizes[i]}`, median(stepMs), median(hostMs)];
        return [
          result("decode", shape, step, [one, many][i]!, "tokens/s"),
          result("host_share", shape, host, host / step * 100, "% of a step"),
        ];
      }),
      result("batch_throughput", `batch ${batchSizes[1]} to ${batchSizes[0]}`, 0, many / one, "times"),
      result("first_question", "same image", first, first, "ms to token 1"),
      result("second_question", "same image", second, second, "ms to token 1"),
      result("image_reuse", "second to first", 0, second / first, "times"),
      result("itl_p99_quiet", `${streamCount} streams`, quiet, quiet, "ms"),
      result("itl_p99_beside", prompt, beside, beside, "ms"),
      result("itl_p99_stretch", "beside to quiet", 0, beside / quiet, "times"),
    ];
  }
}

/**
 * Measures things beside each other, in turns, so that what else the machine does meets all of them; prints and gives
 * the medians of the rounds.
 *
 * @param heapSteps steps over which the heap is watched; 0 for none
 */
export function compare(driver: Driver, rounds: number, heapSteps: number): Result[] {
  new Samples().round(driver); // compiles and records
  const samples = new Samples();
  for (let round = 0; round < rounds; round++) samples.round(driver);
  const rows = samples.rows(`prompt of ${longLength(driver)}`);
  if (heapSteps > 0) rows.push(...measureHeap(driver, heapSteps));
  for (const { op, shape, rate, unit } of rows) {
    console.log(`${op.padEnd(26)} ${shape.padEnd(18)} ${rate.toFixed(2).padStart(12)} ${unit}`);
  }
  return rows;
}

/** Steps of a batch that decodes and does nothing else. */
function measureBatch(driver: Driver, size: number): { rate: number; stepMs: number; hostMs: number } {
  const answers = start(driver, size, 64);
  const count = () => answers.reduce((sum, { tokenTimes }) => sum + tokenTimes.length, 0);
  const [begin, tokens, stepMs, waitMs, steps] = [
    performance.now(),
    count(),
    driver.stepMs,
    driver.waitMs,
    driver.steps,
  ];
  driver.until(() => driver.steps - steps >= batchSteps);
  const ms = performance.now() - begin;
  const hostMs = driver.stepMs - stepMs - (driver.waitMs - waitMs);
  const rate = (count() - tokens) / ms * 1000;
  driver.clear();
  return { rate, stepMs: ms / batchSteps, hostMs: hostMs / batchSteps };
}

/** Two questions about a picture that nobody has seen. */
function askTwice(driver: Driver): { first: number; second: number } {
  const { config } = driver.engine;
  const image = randomImage(config, seed, config.vision.maxNumTiles);
  const ask = () => {
    const tokens = [config.imageTokenIndex, ...randomPrompt(config, seed++, 32)];
    const answer = driver.add({ tokens, images: [image], maxTokens: 1 });
    driver.until(() => answer.ended);
    return answer.tokenTimes[0]! - answer.addedAt;
  };
  return { first: ask(), second: ask() };
}

/**
 * Times between the tokens of running streams, over the same positions with a long prompt beside them and without: a
 * step takes longer as its streams grow, whoever comes.
 */
function disturb(driver: Driver): { quiet: number[]; beside: number[] } {
  const tokens = randomPrompt(driver.engine.config, seed++, longLength(driver));
  const besideIt = watch(driver, () => {
    const long = driver.add({ tokens, images: [], maxTokens: 1 });
    return () => long.ended;
  });
  const length = Math.min(...besideIt.map((times) => times.length));
  const alone = watch(
    driver,
    (streams) => () => streams.every(({ tokenTimes }) => tokenTimes.length > length),
  );
  const gaps = (streams: readonly (readonly number[])[]) =>
    streams.flatMap((times) => gapsOf(times.slice(firstTokens, length)));
  return { quiet: gaps(alone), beside: gaps(besideIt) };
}

/**
 * Runs the same streams as ever until something is over, which begins when each has some tokens.
 *
 * @returns when the tokens of each came
 */
function watch(
  driver: Driver,
  begin: (streams: readonly Answer[]) => () => boolean,
): (readonly number[])[] {
  const streams = start(driver, streamCount, 64);
  driver.until(() => streams.every(({ tokenTimes }) => tokenTimes.length > firstTokens));
  driver.until(begin(streams));
  if (streams.some(({ ended }) => ended)) throw new Error("A stream ended while it was watched");
  const times = streams.map(({ tokenTimes }) => tokenTimes);
  driver.clear();
  return times;
}

/** What of this thread's heap is left after many steps of sequences that come and go. */
function measureHeap(driver: Driver, steps: number): Result[] {
  const { config } = driver.engine;
  const load = {
    sequences: 1,
    prompt: [16, 200],
    tokens: [8, 64],
    images: "distinct",
    concurrency: batchSizes[1],
  } as const;
  const run = (count: number) => {
    const end = driver.steps + count;
    while (driver.steps < end) {
      while (driver.open < load.concurrency) driver.add(questions(config, { ...load, seed: seed++ })[0]!);
      driver.step();
    }
  };
  const heap = () => {
    Bun.gc(true);
    return heapStats().heapSize;
  };
  // By then the prefix cache is full, and every size of step is recorded.
  run(Math.ceil(steps / 5));
  const [before, rssBefore] = [heap(), process.memoryUsage().rss];
  run(steps);
  const [after, rssAfter] = [heap(), process.memoryUsage().rss];
  driver.clear();
  console.log(`heap ${formatBytes(before)}, after ${steps} steps ${formatBytes(after)}`);
  return [
    result("heap_growth", `${steps} steps`, 0, after - before, "bytes"),
    result("rss_growth", `${steps} steps`, 0, rssAfter - rssBefore, "bytes"),
  ];
}

/** Sequences that all have begun, and go on until they are cleared. */
function start(driver: Driver, count: number, length: number): Answer[] {
  const { config, info: { contextLength } } = driver.engine;
  const answers = Array.from({ length: count }, (_, i) =>
    driver.add({
      tokens: randomPrompt(config, 7 + i, length),
      images: [],
      maxTokens: contextLength - length,
    }));
  driver.until(() => answers.every(({ tokenTimes }) => tokenTimes.length > 0));
  return answers;
}

/** On models with less room, a third of it: the streams beside it must not come to their end. */
function longLength(driver: Driver): number {
  const { contextLength } = driver.engine.info;
  return contextLength > longPrompt + 1000 ? longPrompt : Math.floor(contextLength / 3);
}

function result(op: string, shape: string, ms: number, rate: number, unit: string): Result {
  return { op: `engine_${op}`, shape, dtype: "-", ms, rate, unit };
}
