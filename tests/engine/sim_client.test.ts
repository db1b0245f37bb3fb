import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { EngineClient } from "../../src/engine/client.ts";
import type { EngineEvent, EngineRequest } from "../../src/engine/protocol.ts";
import { greedy } from "../../src/engine/sampling.ts";
import { SimEngine } from "../../src/engine/sim_engine.ts";
import { until } from "../support/fake_runtime.ts";
import { blankImage } from "./sequences.ts";
import { useSimWorker } from "./sim_thread.ts";
import { runAlone } from "./schedules.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

useSimWorker();

let client: EngineClient;
beforeAll(async () => {
  client = await EngineClient.open({ model: "simulated", maxQueued: 40 });
});
afterAll(() => client.close());

function request(first: number, more: Partial<EngineRequest> = {}): Omit<EngineRequest, "id"> {
  const tokens = Array.from({ length: 20 }, (_, i) => (first + i) % 1000);
  return { tokens, images: [], sampling: greedy, maxTokens: 9, stopIds: [], ...more };
}

async function tokensOf(what: Omit<EngineRequest, "id">): Promise<number[][]> {
  const tokens: number[][] = Array.from({ length: what.n ?? 1 }, () => []);
  for await (const event of client.run(what)) {
    if (event.type === "token") tokens[event.choice]!.push(event.token);
  }
  return tokens;
}

describe("EngineClient with a simulated engine", () => {
  test("gives thirty requests at once what each gets alone, with several choices, too", async () => {
    const requests = Array.from(
      { length: 30 },
      (_, i) => request(i % 9, { n: 1 + i % 3, client: { caller: `${i % 4}`, user: "" } }),
    );
    const solo = SimEngine.open({ prefixCache: false, stepsInFlight: 1 });
    const want = requests.map((one) => runAlone(solo, one));
    expect(await Promise.all(requests.map(tokensOf))).toEqual(want);
  });

  test("says so when no choice at all is asked for", async () => {
    const error = await tokensOf(request(1, { n: 0 })).catch((error: unknown) => error);
    expect((error as RequestError).details.param).toBe("n");
  });

  test("answers masks while other streams go on", async () => {
    const allowed = [7, 77, 777];
    const tokens: number[] = [];
    const others = tokensOf(request(1, { maxTokens: 60 }));
    for await (const event of client.run(request(3, { constraint: true, maxTokens: 3 }))) {
      if (event.type === "token") tokens.push(event.token);
      if (event.type !== "mask_wanted") continue;
      const { id, choice, after } = event;
      const mask = new Uint32Array(32);
      mask[allowed[after]! >>> 5] = 1 << (allowed[after]! & 31);
      client.mask({ id, choice, after, mask });
    }
    expect(tokens).toEqual(allowed);
    expect((await others)[0]).toHaveLength(60);
  });

  test("ends a request whose mask allows nothing, and no other", async () => {
    const others = tokensOf(request(1, { maxTokens: 60 }));
    const run = async () => {
      for await (const event of client.run(request(3, { constraint: true }))) {
        if (event.type !== "mask_wanted") continue;
        const { id, choice, after } = event;
        client.mask({ id, choice, after, mask: new Uint32Array(32) });
      }
    };
    const error = await run().catch((error: unknown) => error);
    expect(error).toBeInstanceOf(RequestError);
    expect((error as RequestError).details.code).toBe("invalid_mask");
    expect((await others)[0]).toHaveLength(60);
  });

  test("stop() ends one choice, and the others get all of theirs", async () => {
    const want = await tokensOf(request(4, { n: 3, maxTokens: 60 }));
    const tokens: number[][] = [[], [], []];
    const ends: (string | undefined)[] = [];
    // With a constraint a choice waits where it is: the engine cannot have gone on meanwhile.
    for await (const event of client.run(request(4, { n: 3, maxTokens: 60, constraint: true }))) {
      if (event.type === "token") tokens[event.choice]!.push(event.token);
      if (event.type === "end") ends[event.choice] = event.reason;
      if (event.type !== "mask_wanted") continue;
      const { id, choice, after } = event;
      if (choice === 1 && after === 5) client.stop(id, choice);
      else client.mask({ id, choice, after, mask: null });
    }
    expect(ends).toEqual(["length", "stop", "length"]);
    expect(tokens).toEqual([want[0]!, want[1]!.slice(0, 5), want[2]!]);
  });

  test("ends a request at its deadline, also while it waits for a mask that never comes", async () => {
    const events: EngineEvent["type"][] = [];
    const run = async () => {
      for await (const event of client.run(request(5, { constraint: true, deadlineMs: 500 }))) {
        events.push(event.type);
      }
    };
    const error = await run().catch((error: unknown) => error);
    expect(error).toBeInstanceOf(RequestError);
    expect([(error as RequestError).details.code, events]).toEqual(["deadline_exceeded", [
      "accepted",
      "mask_wanted",
    ]]);
  });

  test("has room in its queue for as many requests as may wait, less those that do", async () => {
    const small = await EngineClient.open({ model: "simulated", maxQueued: 3 });
    const leaving = new AbortController();
    expect(small.queueRoom).toBe(3);
    // A choice that waits for its mask holds its place: four run, and three wait.
    const start = (count: number, maxTokens: number) =>
      Array.from({ length: count }, async () => {
        const constrained = request(1, { constraint: true, maxTokens });
        for await (const _ of small.run(constrained, leaving.signal));
      });
    const ends: Promise<unknown>[] = [];
    for (const running of [3, 4]) {
      ends.push(Promise.allSettled(start(running - (small.stats?.running ?? 0), 100)));
      await until(() => small.stats?.running === running);
    }
    expect(small.queueRoom).toBe(3);
    ends.push(Promise.allSettled(start(3, 100)));
    await until(() => small.queueRoom === 0);
    const refused = await Array.fromAsync(small.run(request(2))).catch((error: unknown) => error);
    expect((refused as RequestError).details.code).toBe("queue_full");
    leaving.abort();
    await Promise.all(ends);
    await until(() => small.queueRoom === 3);
    await small.close();
  });

  test("tells the counters when it comes to rest", async () => {
    const before = client.stats!.generatedTokens;
    await tokensOf(request(8, { images: [] }));
    await until(() => client.stats!.generatedTokens === before + 9);
    expect(client.stats).toMatchObject({ running: 0, waiting: 0, heldBlocks: 0 });
  });

  test("refuses a trace, and goes on", async () => {
    const trace = client.trace({ tokens: [1], images: [blankImage("a")], maxTokens: 1, steps: false });
    expect(await trace.catch((error: unknown) => error)).toBeInstanceOf(RequestError);
    expect((await tokensOf(request(2)))[0]).toHaveLength(9);
  });
});
