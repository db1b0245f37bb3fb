import { afterAll, beforeAll, expect, test } from "bun:test";
import { EngineClient } from "../../src/engine/client.ts";
import type { EngineRequest } from "../../src/engine/protocol.ts";
import { greedy } from "../../src/engine/sampling.ts";
import { simImageToken } from "../../src/engine/sim_engine.ts";
import { type Random, random } from "../../src/selftest/random.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { blankImage } from "./sequences.ts";
import { useSimWorker } from "./sim_thread.ts";

useSimWorker();

let client: EngineClient;
beforeAll(async () => {
  client = await EngineClient.open({ model: "simulated", maxQueued: 500 });
});
afterAll(() => client.close());

function randomRequest(data: Random): Omit<EngineRequest, "id"> {
  const images = data.below(3) === 0 ? [blankImage(`picture ${data.below(6)}`, 1 + data.below(2))] : [];
  const text = Array.from({ length: 1 + data.below(40) }, (_, i) => i);
  return {
    tokens: [...images.map(() => simImageToken), ...text],
    images,
    sampling: greedy,
    maxTokens: 60,
    stopIds: [],
    n: 1 + data.below(3),
    client: { caller: `client ${data.below(7)}`, user: "" },
  };
}

/** Leaves a stream after so many events, as a reader that goes away or through its signal. Says whether it was left. */
async function drop(request: Omit<EngineRequest, "id">, after: number, aborts: boolean): Promise<boolean> {
  const controller = new AbortController();
  const gone = new Error("gone");
  let seen = 0;
  try {
    for await (const _ of client.run(request, controller.signal)) {
      if (seen++ < after) continue;
      if (!aborts) return true;
      controller.abort(gone);
    }
    return false;
  } catch (error) {
    if (error !== gone) throw error;
    return true;
  }
}

test(
  "500 streams dropped at random points, ten times, leave nothing behind on either side of the border (O01)",
  async () => {
    const data = random(6);
    const heap: number[] = [];
    let dropped = 0;
    for (let round = 0; round < 10; round++) {
      const streams = Array.from(
        { length: 500 },
        () => drop(randomRequest(data), data.below(120), data.below(2) === 0),
      );
      dropped += (await Promise.all(streams)).filter(Boolean).length;
      // The last word is told when the engine comes to rest.
      const settled = () => {
        if (!client.stats) return false; // on a busy machine all streams can be left before the first report
        const { running, waiting, waitingTokens, heldBlocks, requests } = client.stats;
        return [running, waiting, waitingTokens, heldBlocks].every((count) => count === 0) &&
          requests === 500 * (round + 1);
      };
      const end = performance.now() + 20_000;
      while (!settled() && performance.now() < end) await Bun.sleep(5);
      expect(client.stats).toMatchObject({ running: 0, waiting: 0, waitingTokens: 0, heldBlocks: 0 });
      Bun.gc(true);
      heap.push(process.memoryUsage().heapUsed);
    }
    expect(dropped).toBeGreaterThan(2500);
    expect(heap[9]! - heap[2]!).toBeLessThan(2e6);
  },
  testLimitMs,
);
