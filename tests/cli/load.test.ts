import { expect, spyOn, test } from "bun:test";
import { describeReport } from "../../src/cli/load/describe.ts";
import { isGood, parseGoals } from "../../src/cli/load/goodput.ts";
import type { Answer, Outcome } from "../../src/cli/load/outcome.ts";
import { Questions } from "../../src/cli/load/questions.ts";
import { summarize } from "../../src/cli/load/report.ts";
import { runLoad } from "../../src/cli/load/run_load.ts";

const asked = { model: "m", promptWords: 40, maxTokens: 8, ignoreEos: false, pictureSize: 8, seed: 3 };

test("Questions asks the same of the same seed, and begins each prompt differently", () => {
  const bodies = (seed: number) => {
    const questions = new Questions({ ...asked, pictures: "none", seed });
    return Array.from({ length: 20 }, (_, i) => questions.body(i));
  };
  expect(bodies(3)).toEqual(bodies(3));
  expect(bodies(4)).not.toEqual(bodies(3));
  const prompts = bodies(3).map((body) => (body.messages as { content: string }[])[0]!.content);
  expect(new Set(prompts.map((prompt) => prompt.split(" ").slice(0, 3).join(" "))).size).toBe(20);
  for (const prompt of prompts) expect(prompt.split(" ")).toHaveLength(40);
});

test.each([["shared", 1], ["distinct", 5]] as const)("Questions has %s pictures", (pictures, count) => {
  const questions = new Questions({ ...asked, pictures });
  const found = Array.from({ length: 5 }, (_, i) => JSON.stringify(questions.body(i)));
  expect(new Set(found.map((body) => /data:image\/png;base64,[^"]+/.exec(body)![0])).size).toBe(count);
});

const plan = { requests: 12, concurrency: 3, ahead: 4, seed: 1, maxWaitMs: 1000 };

/** Requests that are answered when somebody else has had a turn. */
function counting() {
  const seen = { open: 0, most: 0, order: [] as number[] };
  const prepare = (index: number) => async (): Promise<Outcome> => {
    seen.order.push(index);
    seen.most = Math.max(seen.most, ++seen.open);
    await Bun.sleep(2);
    seen.open--;
    return { kind: "abandoned" };
  };
  return { seen, prepare };
}

test.each([undefined, 1e4])(
  "runLoad() sends every request once and keeps to its limit, rate %p",
  async (rate) => {
    const { seen, prepare } = counting();
    const run = await runLoad({ ...plan, rate }, prepare, new AbortController().signal);
    expect(run.outcomes).toHaveLength(12);
    expect(seen.order).toEqual(Array.from({ length: 12 }, (_, i) => i));
    expect(seen.most).toBeLessThanOrEqual(3);
    if (rate === undefined) expect([seen.most, run.late]).toEqual([3, 0]);
  },
);

test("runLoad() counts requests that found the door full", async () => {
  const gate = Promise.withResolvers<void>();
  const prepare = (index: number) => {
    // By this rate the second one's time has come before anything else has its turn.
    if (index === 1) setImmediate(gate.resolve);
    return async (): Promise<Outcome> => {
      if (index === 0) await gate.promise;
      return { kind: "abandoned" };
    };
  };
  const crowd = { ...plan, requests: 2, concurrency: 1, ahead: 0, rate: 1e9 };
  expect((await runLoad(crowd, prepare, new AbortController().signal)).late).toBe(1);
});

test("runLoad() ends with the last outcome, not with a client that waits to come back", async () => {
  let now = 0;
  const clock = spyOn(performance, "now").mockImplementation(() => now);
  try {
    const refused = {
      kind: "failure",
      startMs: 0,
      endMs: 1,
      reason: "429",
      detail: "",
      retryAfterMs: 50,
    } as const;
    const prepare = (index: number) => (): Promise<Outcome> => {
      now += 10;
      if (index === 2) setTimeout(() => now = 5000, 0);
      return Promise.resolve(index === 0 ? refused : { kind: "abandoned" });
    };
    const run = await runLoad(
      { ...plan, requests: 3, concurrency: 2, ahead: 0 },
      prepare,
      new AbortController().signal,
    );
    expect([now, run.outcomes.length, run.durationMs]).toEqual([5000, 3, 30]);
  } finally {
    clock.mockRestore();
  }
});

test.each([[5, undefined], [5, 1e4], [100, undefined], [100, 1e4]])(
  "runLoad() makes %p requests before it sends the first, rate %p",
  async (ahead, rate) => {
    const events: string[] = [];
    const prepare = (index: number) => {
      events.push(`make ${index}`);
      return async (): Promise<Outcome> => {
        events.push(`send ${index}`);
        await Bun.sleep(0);
        return { kind: "abandoned" };
      };
    };
    await runLoad({ ...plan, ahead, rate }, prepare, new AbortController().signal);
    const count = Math.min(ahead, 12);
    expect(events.findIndex((event) => event.startsWith("send"))).toBe(count);
    for (const what of ["make", "send"]) {
      expect(events.filter((event) => event.startsWith(what)))
        .toEqual(Array.from({ length: 12 }, (_, i) => `${what} ${i}`));
    }
  },
);

test("runLoad() makes and sends nothing more when it is stopped before the first is sent", async () => {
  const stop = new AbortController();
  const seen: number[] = [];
  const prepare = (index: number) => {
    if (seen.push(index) === 1) setTimeout(() => stop.abort(), 0);
    return (): Promise<Outcome> => Promise.reject(new Error("sent"));
  };
  const run = await runLoad({ ...plan, requests: 1e6, ahead: 1e6 }, prepare, stop.signal);
  expect(run.outcomes).toEqual([]);
  expect(seen.length).toBeLessThan(1e6);
});

test("runLoad() sends nothing more when it is stopped, also in a pause", async () => {
  const stop = new AbortController();
  const prepare = () => (): Promise<Outcome> => {
    setTimeout(() => stop.abort(), 0);
    return Promise.resolve({ kind: "abandoned" });
  };
  const run = await runLoad({ ...plan, rate: 0.001 }, prepare, stop.signal);
  expect(run.outcomes).toHaveLength(1);
});

test("summarize() takes each time from where it begins", () => {
  const answer = { kind: "answer", startMs: 100, endMs: 200, promptTokens: 3 } as const;
  const found = summarize({
    durationMs: 2000,
    late: 0,
    outcomes: [
      { ...answer, piecesMs: [110, 130, 170], completionTokens: 7 },
      { ...answer, piecesMs: [120, 140] },
      { kind: "failure", startMs: 0, endMs: 1, reason: "timeout", detail: "d" },
      { kind: "abandoned" },
    ],
  });
  expect(found).toEqual({
    answered: 2,
    failed: 1,
    abandoned: 1,
    late: 0,
    durationMs: 2000,
    requestsPerSecond: 1,
    promptTokens: 6,
    promptTokensMean: 3,
    outputTokens: 9,
    outputTokensPerSecond: 4.5,
    tokensBy: "both",
    ttftMs: { mean: 15, p50: 10, p90: 20, p99: 20 },
    tpotMs: { mean: 15, p50: 10, p90: 20, p99: 20 }, // 60 ms for 6 tokens, 20 ms for 1
    itlMs: { mean: 80 / 3, p50: 20, p90: 40, p99: 40 },
    e2eMs: { mean: 100, p50: 100, p90: 100, p99: 100 },
    failures: [{ reason: "timeout", count: 1, example: "d" }],
  });
});

const answer = (endMs: number, piecesMs: number[], completionTokens?: number): Answer => ({
  kind: "answer",
  startMs: 100,
  endMs,
  piecesMs,
  completionTokens,
});

test.each<[string, Answer, boolean]>([
  ["ttft:50", answer(900, [150, 800]), true],
  ["ttft:49.9", answer(900, [150, 800]), false],
  ["ttft:50", answer(900, []), false], // it came as a whole, at its end
  ["tpot:10", answer(900, [150, 250], 11), true],
  ["tpot:10", answer(900, [150, 250], 10), false],
  ["tpot:1", answer(900, [150], 30), true],
  ["e2e:800,ttft:60", answer(900, [150]), true],
  ["e2e:800,ttft:40", answer(900, [150]), false],
])("goal %s, of %p: %p", (goals, one, good) => {
  expect(isGood(one, parseGoals(goals))).toBe(good);
  expect(summarize({ outcomes: [one], durationMs: 500, late: 0 }, parseGoals(goals)).goodput).toBe(
    good ? 2 : 0,
  );
});

test("goals that nobody set are not told of", () => {
  expect(summarize({ outcomes: [answer(900, [150])], durationMs: 500, late: 0 }).goodput).toBeUndefined();
});

test.each(["", "ttft", "ttft:", "ttft:-1", "ttft:1e3", "p99:5", "ttft:5,ttft:6", "ttft:5;tpot:6"])(
  "goals that are none are refused: %p",
  (text) => expect(() => parseGoals(text)).toThrow("--goodput must have"),
);

test("describeReport() lays it on nobody that no tokens were counted before the first answer", () => {
  const run = { outcomes: [{ kind: "abandoned" }] as const, durationMs: 5, late: 0 };
  const text = describeReport(summarize(run));
  expect(text).toMatch(/^prompts +tokens unknown: nothing was answered$/m);
  expect(text).toMatch(/^answers +tokens unknown: nothing was answered$/m);
});
