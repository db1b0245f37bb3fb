/** Row O02 of the security notes over sockets: five times what the engine can do, for a few seconds. */
import { expect, setDefaultTimeout, test } from "bun:test";
import process from "node:process";
import { until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { ask, type SimulatedServer, startSimulated } from "./simulated.ts";

setDefaultTimeout(testLimitMs);

const [maxSequences, maxQueued, tokens] = [4, 8, 60];
const capacity = maxSequences + maxQueued;
/** Requests that the flood sends while it lasts: far more than are taken on. */
const flood = 400;
const growthBytes = 96 * 2 ** 20;

interface Asked {
  readonly status: number;
  readonly retryAfter: number;
  /** Instants at which events came. */
  readonly at: readonly number[];
  readonly text: string;
}

async function stream({ url }: SimulatedServer): Promise<Asked> {
  const response = await ask(url, { stream: true, max_tokens: tokens });
  const at: number[] = [];
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of response.body!) {
    at.push(performance.now());
    text += decoder.decode(bytes, { stream: true });
  }
  return { status: response.status, retryAfter: Number(response.headers.get("retry-after")), at, text };
}

/** Gaps between the events of answers, the shortest first. */
function gapsOf(answers: readonly Asked[]): number[] {
  return answers.flatMap(({ at }) => at.slice(1).map((now, i) => now - at[i]!)).sort((a, b) => a - b);
}

function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)]!;
}

test("five times the load: those who are taken on keep their pace, the others get a 429 with a time (O02)", async () => {
  await using simulated = await startSimulated({}, { maxSequences, maxQueued });
  // What the machine gives while as many run as may, and nobody else asks.
  const calm: Asked[] = [];
  for (let round = 0; round < 5; round++) {
    calm.push(...await Promise.all(Array.from({ length: maxSequences }, () => stream(simulated))));
  }
  expect(calm.every(({ status }) => status === 200)).toBe(true);
  const before = process.memoryUsage.rss();
  // Five askers for every place there is, each of them asking again as soon as it is answered or refused.
  const crowded: Asked[] = [];
  let sent = 0;
  await Promise.all(Array.from({ length: 5 * capacity }, async () => {
    while (sent++ < flood) {
      const asked = await stream(simulated);
      crowded.push(asked);
      // Who is refused would otherwise only measure how fast a refusal is.
      if (asked.status === 429) await Bun.sleep(100);
    }
  }));
  const taken = crowded.filter(({ status }) => status === 200);
  const refused = crowded.filter(({ status }) => status === 429);
  expect(taken.length + refused.length).toBe(flood);
  expect(taken.length).toBeGreaterThan(capacity);
  expect(refused.length).toBeGreaterThan(flood / 3);
  for (const { retryAfter } of refused) expect(retryAfter).toBeWithin(1, 61);
  // Nobody who was taken on was cut or kept waiting for ever.
  for (const { text } of taken) expect(text).toEndWith("data: [DONE]\n\n");
  // The steps of both are alike; clients and server share this process, which is why it is not 1.5.
  expect(median(gapsOf(taken))).toBeLessThan(4 * median(gapsOf(calm)) + 4);
  expect(process.memoryUsage.rss() - before).toBeLessThan(growthBytes);
  // Afterwards it is as if nothing had been.
  await until(() => simulated.app.active === 0 && simulated.runtime.queueRoom === maxQueued);
  const next = await Promise.all(Array.from({ length: maxSequences }, () => stream(simulated)));
  expect(next.map(({ status }) => status)).toEqual(Array(maxSequences).fill(200));
  await until(() => simulated.runtime.stats.running === 0);
  const { waiting, heldBlocks } = simulated.runtime.stats;
  expect([waiting, heldBlocks]).toEqual([0, 0]);
});
