import type { MllamaConfig } from "../../src/model/config.ts";
import { percentile } from "../../src/runtime/bench_report.ts";
import { randomPrompt } from "../../src/runtime/bench_requests.ts";
import type { Result } from "../results_file.ts";
import type { ServedModel } from "../served_model.ts";
import { readCompletion } from "./completion.ts";

/** Clients who ask one question after the other, and requests that the flooding one keeps open. */
const [calmClients, floodRequests] = [4, 48];
const [questionsEach, promptLength, answerLength] = [4, 32, 48];

const calmKeys = Array.from({ length: calmClients }, (_, i) => `calm-${i}`);
const floodKey = "flood";

/** Keys that the server must take. */
export const fairnessKeys: readonly string[] = [...calmKeys, floodKey];

let seed = 1;

/**
 * How long well-behaved clients wait for whole answers: among themselves, and beside one who floods the queue, under a new
 * user's name each time.
 */
export async function measureFairness(
  config: MllamaConfig,
  server: ServedModel,
  rounds: number,
): Promise<Result[]> {
  await askCalmly(config, server); // compiles and records
  const quiet: number[] = [];
  const beside: number[] = [];
  for (let round = 0; round < rounds; round++) {
    quiet.push(...await askCalmly(config, server));
    const stopFlood = flood(config, server);
    beside.push(...await askCalmly(config, server));
    await stopFlood();
  }
  const shape = `${calmClients} clients and ${floodRequests} requests of one`;
  return [50, 90].flatMap((percent) => {
    const [alone, crowded] = [percentile(quiet, percent), percentile(beside, percent)];
    const row = (op: string, value: number, unit: string): Result => ({
      op: `server_${op}_p${percent}`,
      shape,
      dtype: "-",
      ms: unit === "ms" ? value : 0,
      rate: value,
      unit,
    });
    return [
      row("latency_quiet", alone, "ms"),
      row("latency_flooded", crowded, "ms"),
      row("latency_stretch", crowded / alone, "times"),
    ];
  });
}

/** Milliseconds of every answer. */
async function askCalmly(config: MllamaConfig, server: ServedModel): Promise<number[]> {
  const each = await Promise.all(
    calmKeys.map(async (key) => {
      const times: number[] = [];
      for (let i = 0; i < questionsEach; i++) times.push(await ask(config, server, key));
      return times;
    }),
  );
  return each.flat();
}

/** Keeps the queue full of one client's requests, until it is told to stop. */
function flood(config: MllamaConfig, server: ServedModel): () => Promise<void> {
  let goesOn = true;
  const lanes = Array.from({ length: floodRequests }, async () => {
    while (goesOn) await ask(config, server, floodKey, `user ${seed}`);
  });
  return async () => {
    goesOn = false;
    await Promise.all(lanes);
  };
}

function ask(config: MllamaConfig, { url }: ServedModel, key: string, user?: string): Promise<number> {
  return readCompletion(url, {
    prompt: randomPrompt(config, seed++, promptLength),
    maxTokens: answerLength,
    key,
    user,
  });
}
