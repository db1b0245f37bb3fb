import { randomPrompt } from "../../src/runtime/bench_requests.ts";
import { median } from "../../src/runtime/bench_report.ts";
import type { Driver } from "../engine/driver.ts";
import { mainThreadMicroseconds, type ServedModel } from "../served_model.ts";
import type { Result } from "../results_file.ts";
import { readCompletion } from "./completion.ts";

export interface ShareOptions {
  readonly rounds: number;
  /** Sequences at a time. */
  readonly batch: number;
  /** Tokens of each prompt and of each answer. */
  readonly prompt: number;
  readonly tokens: number;
}

/**
 * What the server adds to the engine: the same questions asked of an engine in this process and of the server, in turns,
 * so that what else the machine does meets both; and what a streamed token takes of the server's main thread, beside
 * what it takes of one that does nothing but write.
 */
export async function measureShare(
  driver: Driver,
  server: ServedModel,
  bareServer: ServedModel,
  options: ShareOptions,
): Promise<Result[]> {
  const { rounds, batch, tokens } = options;
  const bare: number[] = [];
  const served: number[] = [];
  const mainThread: number[] = [];
  const leastMainThread: number[] = [];
  // The first round compiles and records, and warms the server's code.
  for (let round = -1; round < rounds; round++) {
    const questions = questionsOf(driver, round, options);
    const askEngine = () => rateOf(options, runBare(driver, questions, tokens));
    const [before, leastBefore] = [server, bareServer].map(({ pid }) => mainThreadMicroseconds(pid));
    const askServer = async () => rateOf(options, await runServed(server, questions, tokens));
    const rates = round % 2 === 0
      ? { engine: askEngine(), server: await askServer() }
      : { server: await askServer(), engine: askEngine() };
    await runServed(bareServer, questions, tokens);
    if (round < 0) continue;
    bare.push(rates.engine);
    served.push(rates.server);
    mainThread.push((mainThreadMicroseconds(server.pid) - before!) / (batch * tokens));
    leastMainThread.push((mainThreadMicroseconds(bareServer.pid) - leastBefore!) / (batch * tokens));
  }
  const shape = `batch ${batch} of ${options.prompt} + ${tokens}`;
  const share = median(served.map((rate, i) => rate / bare[i]!));
  const row = (op: string, rate: number, unit: string): Result => ({
    op: `server_${op}`,
    shape,
    dtype: "-",
    ms: 0,
    rate,
    unit,
  });
  return [
    row("bare_engine", median(bare), "tokens/s"),
    row("throughput", median(served), "tokens/s"),
    row("share_of_engine", share * 100, "%"),
    row("main_thread", median(mainThread), "us per token"),
    row("least_main_thread", median(leastMainThread), "us per token"),
  ];
}

/** Nobody's prefix: each round has prompts of its own, and both sides the same. */
function questionsOf(driver: Driver, round: number, { batch, prompt }: ShareOptions): number[][] {
  const seed = (round + 2) * 1000;
  return Array.from({ length: batch }, (_, i) => randomPrompt(driver.engine.config, seed + i, prompt));
}

/** Milliseconds until all are answered. */
function runBare(driver: Driver, questions: readonly number[][], maxTokens: number): number {
  const begin = performance.now();
  const answers = questions.map((tokens) => driver.add({ tokens, images: [], maxTokens }));
  driver.until(() => answers.every(({ ended }) => ended));
  const ms = performance.now() - begin;
  driver.clear();
  return ms;
}

async function runServed(
  { url }: ServedModel,
  questions: readonly number[][],
  maxTokens: number,
): Promise<number> {
  const begin = performance.now();
  await Promise.all(questions.map((prompt) => readCompletion(url, { prompt, maxTokens })));
  return performance.now() - begin;
}

function rateOf({ batch, tokens }: ShareOptions, ms: number): number {
  return batch * tokens / ms * 1000;
}
