import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { AssertionError } from "../../src/base/assert.ts";
import { DeviceError, RequestError } from "../../src/base/errors.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { DeviceLostError } from "../../src/gpu/errors.ts";
import {
  oddSizes,
  tinyConfig,
  tinyImageToken,
  tinyWeights,
  writeTinyCheckpoint,
} from "../model/tiny_checkpoint.ts";
import type { EngineEvent, EngineOptions, EngineRequest } from "../../src/engine/protocol.ts";
import { greedy } from "../../src/engine/sampling.ts";
import { expectNothingHeld } from "./invariants.ts";
import { finish, noiseImage, openTinyEngine, request, text, tokensOf, useTinyModel } from "./tiny_engine.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

const model = useTinyModel();
const open = new Map<string, Engine>();
afterAll(() => {
  for (const engine of open.values()) engine.dispose();
});

/** One engine for each set of options; it is idle and holds nothing when a test begins. */
function engineWith(options: Partial<EngineOptions> = {}): Engine {
  const key = JSON.stringify(options);
  if (!open.has(key)) open.set(key, openTinyEngine(model, options));
  return open.get(key)!;
}

/** The tokens of requests that share an engine. */
function run(engine: Engine, ...requests: EngineRequest[]): number[][] {
  for (const one of requests) engine.add(one);
  const events = finish(engine);
  expectNothingHeld(engine);
  return requests.map(({ id }) => tokensOf(events.get(id)));
}

/** The next call of one of the runner's functions throws; a step is collected before. */
function failOnce(engine: Engine, name: "submit" | "collect" | "encodeImage", error: Error): void {
  const runner = engine.runner as unknown as Record<typeof name, (...args: unknown[]) => unknown>;
  const real = runner[name].bind(runner);
  runner[name] = (...args) => {
    delete (runner as Partial<typeof runner>)[name]; // the class's own is below
    if (name === "collect") real(...args);
    throw error;
  };
}

const [a, b, c] = [noiseImage(1), noiseImage(2, 1, 2), noiseImage(3, 2, 2)];
const withImages = (id: number, more: Partial<EngineRequest> = {}) =>
  request(id, [0, ...text(4, 1), -1, -1, ...text(6, 2), -1, ...text(9, 3)], { images: [a, b, c], ...more });

function refusal(action: () => unknown): RequestError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(RequestError);
    return error as RequestError;
  }
  throw new Error("Nothing was refused");
}

describe("Engine.add()", () => {
  const engine = engineWith({ contextLength: 32, maxSequences: 2 });

  test("refuses an empty prompt", () => {
    expect(refusal(() => engine.add(request(1, []))).details.param).toBe("messages");
  });

  test("refuses a prompt that leaves too little room, naming both numbers and the limit", () => {
    const error = refusal(() => engine.add(request(1, text(30, 1), { maxTokens: 3 })));
    expect(error.details.code).toBe("context_length_exceeded");
    expect(error.message).toMatch(/30 .* 3 .* 32/);
    expect(error.remedy).toContain("--ctx-size");
    expectNothingHeld(engine);
  });

  test("refuses more tiles than the image cache has", () => {
    const images = [c, c, a];
    const error = refusal(() => engine.add(request(1, [-1, -1, -1, 5], { images })));
    expect([error.details.code, error.message]).toEqual([
      "too_many_images",
      "The images take 9 tiles, the image cache holds 8",
    ]);
    expectNothingHeld(engine);
  });

  test("refuses to generate nothing", () => {
    for (const maxTokens of [0, -1, NaN]) {
      expect(refusal(() => engine.add(request(1, [3, 5], { maxTokens }))).details.param).toBe("max_tokens");
    }
  });

  test("refuses one more than may wait, and takes it when there is room again", () => {
    const engine = engineWith({ maxQueued: 2, maxSequences: 1 });
    const one = (id: number) => request(id, text(5, 1), { maxTokens: 2 });
    for (const id of [1, 2]) engine.add(one(id));
    engine.step(); // the first one runs now
    engine.add(one(3));
    const error = refusal(() => engine.add(one(4)));
    expect([error.details.code, error.remedy === undefined]).toEqual(["queue_full", false]);
    engine.abort(2);
    engine.add(one(5));
    expect([...finish(engine).keys()]).toEqual([1, 3, 5]);
    expectNothingHeld(engine);
  });

  test("refuses images without a place, places without an image, and ids that no token has", () => {
    const wrong: Partial<EngineRequest>[] = [
      { images: [] },
      { images: [noiseImage(1), noiseImage(2)] },
      { images: [noiseImage(1)], tokens: [tinyImageToken, tinyImageToken + 1] },
      { images: [noiseImage(1)], tokens: [tinyImageToken, -1] },
      { images: [noiseImage(1)], tokens: [tinyImageToken, 0.5] },
    ];
    for (const more of wrong) {
      expect(() => engine.add({ ...request(1, [-1, 5]), ...more })).toThrow(RequestError);
    }
    expectNothingHeld(engine);
  });

  test("takes a prompt and tokens that fill the context to the last place", () => {
    for (const length of [1, 15, 16, 17, 31]) {
      const [tokens] = run(engine, request(1, text(length, 4), { maxTokens: 32 - length }));
      expect(tokens!.length).toBe(32 - length);
    }
  });
});

const ended = { type: "end", choice: 0, at: expect.any(Number) as number } as const;

describe("Engine.step()", () => {
  test("has nothing to say when there is nothing to do", () => expect(engineWith().step()).toEqual([]));

  test("tells of a sequence in order: started, tokens, end", () => {
    const engine = engineWith();
    expect(engine.add(request(7, text(20, 1), { maxTokens: 3 }))).toEqual({ type: "accepted", id: 7 });
    const events = finish(engine).get(7)!;
    expect(events.map(({ type }) => type)).toEqual(["started", "token", "token", "token", "end"]);
    expect(events.at(-1)).toEqual({ ...ended, id: 7, reason: "length" });
  });

  test("gives a prompt's last row the same numbers whether the step has others of it or not", () => {
    const asked = request(9, [0, -1, ...text(12, 4)], {
      images: [noiseImage(5)],
      maxTokens: 2,
      sampling: { ...greedy, logprobs: 20 },
    });
    // Behind the attention of the last layer, a step computes the rows that are looked at: all, one of many, or none.
    const [alone, together] = [1, 64].map((chunkSize) => {
      const engine = engineWith({ chunkSize, maxSequences: 1 });
      expect(engine.runner.limits.chunkSize).toBe(chunkSize);
      engine.add(asked);
      const tokens = finish(engine).get(9)!.filter((event) => event.type === "token");
      return tokens.flatMap(({ logprob }) => logprob!.top);
    });
    expect(alone!.length).toBe(40);
    for (const [i, { token, logprob }] of alone!.entries()) {
      expect(together![i]!.token).toBe(token);
      expect(Math.abs(together![i]!.logprob - logprob)).toBeLessThan(1e-5);
    }
  });

  test("says when each token was there, on one clock", () => {
    const engine = engineWith();
    engine.add(request(8, text(20, 1), { maxTokens: 12 }));
    const last = { started: 0, token: 0, end: 0 };
    for (let ended = false; !ended;) {
      const before = performance.now();
      const events = engine.step();
      const after = performance.now();
      for (const event of events) {
        if (event.type !== "started" && event.type !== "token" && event.type !== "end") continue;
        expect(event.at).toBeWithin(before, after + 1e-9);
        last[event.type] = event.at;
        ended = event.type === "end";
      }
    }
    expect(last.started).toBeGreaterThan(0);
    expect(last.token).toBeGreaterThan(last.started);
    expect(last.end).toBeGreaterThanOrEqual(last.token);
  });

  test("ends with a stop id, which is the last token", () => {
    const engine = engineWith();
    const [tokens] = run(engine, request(1, text(20, 1), { maxTokens: 8 }));
    const stop = tokens![3]!;
    const first = tokens!.indexOf(stop);
    engine.add(request(2, text(20, 1), { maxTokens: 8, stopIds: [stop] }));
    const events = finish(engine).get(2)!;
    expect(tokensOf(events)).toEqual(tokens!.slice(0, first + 1));
    expect(events.at(-1)).toEqual({ ...ended, id: 2, reason: "stop" });
  });

  test("says stop when the last token allowed is a stop id", () => {
    const engine = engineWith();
    const [tokens] = run(engine, request(1, text(20, 1), { maxTokens: 1 }));
    engine.add(request(2, text(20, 1), { maxTokens: 1, stopIds: tokens! }));
    expect(finish(engine).get(2)!.at(-1)).toEqual({ ...ended, id: 2, reason: "stop" });
  });

  test("gives the same tokens whatever the chunks of the prefill", () => {
    const [want] = run(engineWith({ chunkSize: 64 }), withImages(1));
    for (const chunkSize of [1, 2, 3, 5, 6, 7, 13, 14]) { // image tokens are rows 5, 6 and 13
      const engine = engineWith({ chunkSize, maxSequences: 1 });
      expect(engine.runner.limits.chunkSize).toBe(chunkSize);
      expect([chunkSize, ...run(engine, withImages(1))]).toEqual([chunkSize, want!]);
    }
  });

  test("gives every sequence of a batch the tokens that it gets alone, though they end out of order", () => {
    const requests = [
      withImages(1, { maxTokens: 9 }),
      request(2, text(3, 8), { maxTokens: 2 }),
      request(3, [-1, ...text(17, 9)], { images: [b], maxTokens: 12 }),
      request(4, text(25, 10), { maxTokens: 5 }),
      request(5, [-1, 4, -1, ...text(2, 11)], { images: [c, c], maxTokens: 1 }),
    ];
    const alone = engineWith({ maxSequences: 1 });
    const want = requests.flatMap((one) => run(alone, one));
    expect(run(engineWith({ maxSequences: 3 }), ...requests)).toEqual(want);
    expect(run(engineWith({ maxSequences: 4, chunkSize: 7 }), ...requests)).toEqual(want);
  });

  test("draws with a seed what it draws alone, whoever shares the step", () => {
    const sampled = (topK: number, repetitionPenalty = 1) => ({
      ...greedy,
      temperature: 2,
      topK,
      repetitionPenalty,
      seed: 9,
    });
    const requests = [
      withImages(1, { sampling: sampled(20), maxTokens: 9 }),
      request(2, text(9, 8), { maxTokens: 9 }),
      request(3, text(5, 3), { sampling: sampled(0), maxTokens: 9 }),
      request(4, [-1, ...text(5, 3)], { images: [a], sampling: sampled(5, 1.5), maxTokens: 9 }),
    ];
    const alone = engineWith({ maxSequences: 1 });
    const want = requests.flatMap((one) => run(alone, one));
    expect(run(engineWith({ maxSequences: 4 }), ...requests)).toEqual(want);
    expect(want[0]).not.toEqual(run(alone, withImages(1, { maxTokens: 9 }))[0]!);
  });

  test("gives the same tokens for an image that had to go and comes again", () => {
    const engine = engineWith({ imageTiles: 4 });
    const one = request(1, [-1, ...text(8, 5)], { images: [b] });
    const [want] = run(engine, one);
    run(engine, request(2, [-1, 3], { images: [c] })); // takes all four tiles
    expect(run(engine, one)[0]).toEqual(want!);
    expect(run(engine, request(3, [-1, ...text(8, 5)], { images: [a] }))[0]).not.toEqual(want!);
  });

  test("tells how many images were there already", () => {
    const engine = engineWith({ imageTiles: 6 });
    const hits = [[a, b], [a, b], [b, noiseImage(50)]].map((images, id) => {
      engine.add(request(id, [-1, -1, 4], { images }));
      return finish(engine).get(id)!.flatMap((event) => event.type === "started" ? [event.cachedImages] : []);
    });
    expect(hits).toEqual([[0], [2], [1]]);
  });
});

describe("An error in a step", () => {
  for (const call of ["submit", "collect"] as const) {
    test(`ends the sequences of that step only, as events, and the next request works: ${call}`, () => {
      const engine = engineWith({ maxSequences: 2 });
      const [want] = run(engine, withImages(1));
      for (const id of [1, 2, 3]) engine.add(withImages(id));
      engine.step();
      failOnce(engine, call, new DeviceError("the weights are unwell"));
      const events = finish(engine);
      const failed = [...events].filter(([, list]) => list.at(-1)!.type === "error").map(([id]) => id);
      expect(failed.length).toBeGreaterThan(0);
      expect(failed).not.toContain(3); // it was still waiting
      expect(events.get(failed[0]!)!.at(-1)).toMatchObject({ error: { message: "the weights are unwell" } });
      expect(tokensOf(events.get(3))).toEqual(want!);
      expectNothingHeld(engine);
      expect(run(engine, withImages(4))[0]).toEqual(want!);
    });
  }

  test("after which nothing works any more ends what runs, and leaves what waits to the next engine", () => {
    const fatal = [
      new AssertionError("an invariant is broken"),
      new DeviceLostError("the device is lost", "restart the program"),
    ];
    for (const error of fatal) {
      const engine = openTinyEngine(model, { maxSequences: 2 });
      for (const id of [1, 2, 3]) engine.add(withImages(id));
      engine.step();
      expect(engine.failure).toBeUndefined();
      failOnce(engine, "submit", error);
      const events: EngineEvent[] = [];
      while (!engine.failure) events.push(...engine.step());
      const ended = events.filter(({ type }) => type === "error").map(({ id }) => id);
      expect([ended, engine.failure.message]).toEqual([[1, 2], error.message]);
      expect(engine.step()).toEqual([]);
      engine.abort(3);
      expectNothingHeld(engine);
      engine.dispose();
    }
  });

  test("comes of logits that are not numbers, whatever they are chosen by (F06)", () => {
    const weights = tinyWeights(tinyConfig(), 31);
    weights.get("language_model.lm_head.weight")![100] = NaN;
    using folder = writeTinyCheckpoint(oddSizes, weights);
    const engine = openTinyEngine(folder.path);
    const samplings = [greedy, { ...greedy, temperature: 1, topK: 5 }, { ...greedy, temperature: 1 }];
    for (const [id, sampling] of samplings.entries()) {
      engine.add(request(id, text(5, 1), { sampling }));
      expect(finish(engine).get(id)).toMatchObject([{ type: "error", error: { name: "DeviceError" } }]);
    }
    expectNothingHeld(engine);
    engine.dispose();
  });

  test("of one row's logits ends its request only", () => {
    const engine = engineWith({ maxSequences: 3 });
    const tokens = text(40, 12);
    const broken = (id: number) =>
      request(id, tokens, { sampling: { ...greedy, logitBias: [[3, NaN]] }, n: 2, maxTokens: 9 });
    const [want] = run(engine, request(1, text(9, 13)));
    for (const one of [request(1, text(9, 13)), broken(2), request(3, text(9, 13))]) engine.add(one);
    const events = finish(engine);
    for (const id of [1, 3]) expect(tokensOf(events.get(id))).toEqual(want!);
    expect(events.get(2)).toMatchObject([{ type: "error", error: { name: "DeviceError" } }]);
    expectNothingHeld(engine);
  });

  test("while an image is encoded leaves nothing behind that looks encoded", () => {
    const engine = engineWith({ maxSequences: 2 });
    const image = noiseImage(77, 2, 1);
    const one = (id: number) => request(id, [-1, ...text(6, 6)], { images: [image] });
    const [want] = run(engineWith({ maxSequences: 1 }), one(1));
    engine.add(one(1));
    failOnce(engine, "encodeImage", new RequestError("the picture is unwell", { code: "invalid_image" }));
    expect(finish(engine).get(1)).toMatchObject([{
      type: "error",
      error: { name: "RequestError", code: "invalid_image" },
    }]);
    expectNothingHeld(engine);
    expect(run(engine, one(2))[0]).toEqual(want!);
  });
});

describe("Engine.abort()", () => {
  test("frees a sequence wherever it is, and the others go on", () => {
    const engine = engineWith({ maxSequences: 2, chunkSize: 7 });
    const [want] = run(engine, withImages(1));
    for (const stepsBefore of [0, 1, 2, 5, 6]) {
      for (const id of [1, 2, 3]) engine.add(withImages(id));
      const early = new Map<number, number[]>();
      for (let i = 0; i < stepsBefore; i++) {
        for (const event of engine.step()) {
          if (event.type === "token") early.set(event.id, [...early.get(event.id) ?? [], event.token]);
        }
      }
      engine.abort(1);
      engine.abort(1);
      engine.abort(99);
      const later = finish(engine);
      expect(tokensOf(later.get(1))).toEqual([]);
      for (const id of [2, 3]) expect([...early.get(id) ?? [], ...tokensOf(later.get(id))]).toEqual(want!);
      expectNothingHeld(engine);
    }
  });
});
