import { describe, expect, test } from "bun:test";
import { DeviceError, RequestError } from "../../src/base/errors.ts";
import type { EngineEvent, EngineRequest } from "../../src/engine/protocol.ts";
import { greedy } from "../../src/engine/sampling.ts";
import { SimEngine, simImageToken, type SimOptions } from "../../src/engine/sim_engine.ts";
import { simVocabulary } from "../../src/engine/sim_runner.ts";
import { expectInvariants, expectNothingHeld } from "./invariants.ts";
import { blankImage } from "./sequences.ts";

function request(id: number, length: number, more: Partial<EngineRequest> = {}): EngineRequest {
  const tokens = [
    ...(more.images ?? []).map(() => simImageToken),
    ...Array.from({ length }, (_, i) => (i * 7 + id) % simVocabulary),
  ];
  return { id, tokens, images: [], sampling: greedy, maxTokens: 6, stopIds: [], ...more };
}

/** Steps until nothing is left. */
function finish(engine: SimEngine): EngineEvent[] {
  const events: EngineEvent[] = [];
  for (let left = 5000; !engine.idle; left--) {
    if (left === 0) throw new Error("The engine does not come to an end");
    events.push(...engine.step());
    expectInvariants(engine);
  }
  expectNothingHeld(engine);
  return events;
}

function tokensOf(events: readonly EngineEvent[], id: number, choice = 0): number[] {
  return events.flatMap((event) =>
    event.type === "token" && event.id === id && event.choice === choice ? [event.token] : []
  );
}

function only<T extends EngineEvent["type"]>(events: readonly EngineEvent[], type: T) {
  return events.filter((event): event is Extract<EngineEvent, { type: T }> => event.type === type);
}

function refusal(action: () => unknown): RequestError {
  try {
    action();
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
  throw new Error("Nothing was refused");
}

describe("EngineCore.add()", () => {
  test("refuses what goes beyond a limit, naming it", () => {
    const engine = SimEngine.open();
    const wrong: [Partial<EngineRequest>, string][] = [
      [{ n: 0 }, "n"],
      [{ n: 17 }, "n"],
      [{ n: 1.5 }, "n"],
      [{ sampling: { ...greedy, logprobs: 21 } }, "top_logprobs"],
      [{ sampling: { ...greedy, logitBias: Array.from({ length: 1025 }, (_, i) => [i, 1]) } }, "logit_bias"],
      [{ sampling: { ...greedy, logitBias: [[simVocabulary - 1, 1], [simVocabulary, 1]] } }, "logit_bias"],
      [{ sampling: { ...greedy, logitBias: [[-1, 1]] } }, "logit_bias"],
      [{ stopIds: [1, simVocabulary] }, "stop_token_ids"],
    ];
    for (const [more, param] of wrong) {
      expect(refusal(() => engine.add(request(1, 3, more))).details.param).toBe(param);
    }
    expectNothingHeld(engine);
  });

  test("refuses tokens beyond what may wait, images counted; a request that waits alone is always taken", () => {
    const engine = SimEngine.open({ maxQueuedTokens: 20, limits: { maxSequences: 1 } });
    engine.add(request(1, 30)); // alone
    expect(refusal(() => engine.add(request(2, 1))).details.code).toBe("queue_full");
    engine.step(); // the first one runs now
    engine.add(request(2, 8));
    const error = refusal(() => engine.add(request(3, 9, { images: [blankImage("a")] }))); // 10 + 4
    expect(error.message).toMatch(/8 tokens .* 14 more .* 20/);
    expect(error.remedy).toContain("--max-num-queued-tokens");
    engine.add(request(3, 7, { images: [blankImage("a")] }));
    expect(engine.scheduler.waiting.tokens).toBe(20);
    engine.abort(2);
    expect(engine.scheduler.waiting.tokens).toBe(12);
    finish(engine);
  });
});

describe("EngineCore.step()", () => {
  test("gives a deadline's error, and the others go on", async () => {
    const engine = SimEngine.open({ limits: { maxSequences: 1 } });
    engine.add(request(1, 3, { maxTokens: 100, deadlineMs: 5 }));
    engine.add(request(2, 3, { deadlineMs: 1e6 }));
    engine.add(request(3, 3, { deadlineMs: 5 })); // does not live to see its turn
    engine.step();
    await Bun.sleep(6);
    const events = finish(engine);
    expect(only(events, "error").map(({ id, error }) => [id, error.code])).toEqual([
      [1, "deadline_exceeded"],
      [3, "deadline_exceeded"],
    ]);
    expect(tokensOf(events, 2)).toHaveLength(6);
  });

  test("encodes an image once for all that show it, one image per step", () => {
    const encoded: string[] = [];
    const engine = SimEngine.open({
      hooks: { onEncode: ({ hash }) => encoded.push(hash) },
      limits: { maxSequences: 16, chunkSize: 32, kvTokens: 1024 },
    });
    for (let id = 0; id < 10; id++) {
      engine.add(request(id, 3, { images: [blankImage("shared"), blankImage(`own ${id % 2}`)] }));
    }
    engine.step();
    expect(encoded).toEqual(["shared"]);
    engine.step();
    expect(encoded).toEqual(["shared", "own 0"]);
    finish(engine);
    expect(encoded).toEqual(["shared", "own 0", "own 1"]);
    expect([engine.stats.imageMisses, engine.stats.imageHits]).toEqual([3, 17]);
    engine.add(request(20, 9, { images: [blankImage("shared")] }));
    expect(only(finish(engine), "started")).toMatchObject([{ cachedImages: 1 }]);
    expect(encoded).toHaveLength(3);
  });

  test("finds a prompt that begins like an earlier one, up to where the pictures differ", () => {
    const engine = SimEngine.open(); // blocks of 4
    const text = Array.from({ length: 10 }, (_, i) => i);
    const about = (id: number, hash: string, more: readonly number[]) =>
      request(id, 0, {
        tokens: [...text, simImageToken, ...text, ...more],
        images: [blankImage(hash)],
        maxTokens: 1,
      });
    const cached = [
      about(1, "a", [50]),
      about(2, "a", [60]), // 20 of the 22 rows are full blocks
      about(3, "b", [50]), // the picture is in the third block
      about(4, "b", []), // 21 rows: five full blocks
    ].map((one) => {
      engine.add(one);
      const [started] = only(finish(engine), "started");
      return started!.cachedTokens;
    });
    expect(cached).toEqual([0, 20, 8, 20]);
  });

  test("always computes one row of the prompt, and finds what was generated", () => {
    const engine = SimEngine.open();
    const first = request(1, 8);
    const cached = (one: EngineRequest) => {
      engine.add(one);
      const events = finish(engine);
      return [only(events, "started")[0]!.cachedTokens, tokensOf(events, one.id)] as const;
    };
    const [none, answer] = cached(first);
    const [some, again] = cached({ ...first, id: 2 });
    expect([none, some, again]).toEqual([0, 4, answer]);
    const turn = [...first.tokens, ...answer, 5, 6];
    const [more] = cached(request(3, 0, { tokens: turn }));
    expect(more).toBe(12); // 13 rows of the first answer were computed
  });

  test("shows nobody which prompts came with another salt, and shares among those without one", () => {
    const engine = SimEngine.open();
    const cached = (cacheSalt: string | undefined, n = 1) => {
      engine.add(request(1, 9, { cacheSalt, n }));
      return only(finish(engine), "started").map(({ cachedTokens }) => cachedTokens);
    };
    expect([cached("key-1"), cached("key-2"), cached(undefined)]).toEqual([[0], [0], [0]]);
    expect([cached("key-1"), cached("key-2"), cached(undefined)]).toEqual([[8], [8], [8]]);
    expect(cached("key-3", 2)).toEqual([0, 8]);
  });

  test("keeps nothing for others with prefixCache off, and shares among the choices of one request", () => {
    const engine = SimEngine.open({ prefixCache: false });
    engine.add(request(1, 9, { n: 3, maxTokens: 5 }));
    const events = finish(engine);
    expect(only(events, "started").map(({ choice, cachedTokens }) => [choice, cachedTokens])).toEqual([
      [0, 0],
      [1, 8],
      [2, 8],
    ]);
    expect(engine.scheduler.blocks.cachedCount).toBe(0);
    engine.add(request(1, 9));
    expect(only(finish(engine), "started")[0]!.cachedTokens).toBe(0);
  });

  test("gives each choice a text of its own, the first one's that of the request alone", () => {
    const sampling = { ...greedy, temperature: 1, seed: 3 };
    const engine = SimEngine.open({ limits: { maxSequences: 2 } });
    engine.add(request(1, 9, { n: 4, sampling }));
    const events = finish(engine);
    const texts = [0, 1, 2, 3].map((choice) => tokensOf(events, 1, choice));
    expect(new Set(texts.map(String)).size).toBe(4);
    expect(only(events, "end").map(({ choice }) => choice).toSorted()).toEqual([0, 1, 2, 3]);
    engine.add({ ...request(1, 9, { sampling }), id: 2 });
    expect(tokensOf(finish(engine), 2)).toEqual(texts[0]!);
  });

  test("stops at stop ids unless told to ignore them", () => {
    const engine = SimEngine.open();
    engine.add(request(1, 9));
    const tokens = tokensOf(finish(engine), 1);
    const stopIds = [tokens[2]!];
    engine.add(request(1, 9, { stopIds }));
    expect(tokensOf(finish(engine), 1)).toEqual(tokens.slice(0, 3));
    engine.add(request(1, 9, { stopIds, ignoreEos: true }));
    expect(tokensOf(finish(engine), 1)).toEqual(tokens);
  });

  test("asks for a mask before every token of a constrained sequence, and obeys it; others do not wait", () => {
    const engine = SimEngine.open();
    engine.add(request(1, 9, { constraint: true, maxTokens: 3 }));
    engine.add(request(2, 9, { maxTokens: 20 }));
    const events: EngineEvent[] = [];
    while (tokensOf(events, 2).length < 20) events.push(...engine.step());
    expect(only(events, "mask_wanted")).toEqual([{ type: "mask_wanted", id: 1, choice: 0, after: 0 }]);
    expect(tokensOf(events, 1)).toEqual([]);
    const allowed = [123, 456, 789];
    for (const [after, token] of allowed.entries()) {
      expect(only(events, "mask_wanted").at(-1)!.after).toBe(after);
      expect([engine.step(), engine.stalled]).toEqual([[], true]);
      const mask = new Uint32Array(32);
      mask[token >>> 5] = 1 << (token & 31);
      engine.mask({ id: 1, choice: 0, after: after + 1, mask: null }); // of another place: ignored
      engine.mask({ id: 1, choice: 0, after, mask });
      events.push(...engine.step());
      expect(engine.stalled).toBe(false);
    }
    expect([tokensOf(events, 1), engine.idle]).toEqual([allowed, true]);
    engine.mask({ id: 1, choice: 0, after: 3, mask: null }); // too late: ignored
  });

  test("takes no mask for a token that is on its way: it is not the next one's", () => {
    const engine = SimEngine.open();
    engine.add(request(1, 9, { constraint: true }));
    engine.add(request(2, 9, { maxTokens: 40 })); // so that a step is under way when the mask comes
    const events: EngineEvent[] = [];
    while (tokensOf(events, 2).length < 3) events.push(...engine.step());
    const mask = new Uint32Array(32);
    mask[3] = 1;
    engine.mask({ id: 1, choice: 0, after: 0, mask });
    events.push(...engine.step());
    expect(tokensOf(events, 1)).toEqual([]);
    engine.mask({ id: 1, choice: 0, after: 0, mask: new Uint32Array(32).fill(1) });
    while (!engine.stalled) events.push(...engine.step());
    expect(tokensOf(events, 1)).toEqual([96]);
  });

  test("ends a request whose mask cannot be obeyed, and only that one", () => {
    const beyond = new Uint32Array(32);
    beyond[31] = 2 ** 31; // token 1023, of 1000
    for (
      const mask of [new Uint32Array(32), beyond, new Uint32Array(31).fill(1), new Uint32Array(33).fill(1)]
    ) {
      const engine = SimEngine.open();
      engine.add(request(1, 9, { constraint: true }));
      engine.add(request(2, 9));
      const events: EngineEvent[] = [];
      while (only(events, "mask_wanted").length === 0) events.push(...engine.step());
      const [error] = only(engine.mask({ id: 1, choice: 0, after: 0, mask }), "error");
      expect(error).toMatchObject({ id: 1, error: { name: "RequestError", code: "invalid_mask" } });
      expect(tokensOf([...events, ...finish(engine)], 2)).toHaveLength(6);
    }
  });

  test("obeys a mask that allows the last token of the vocabulary only", () => {
    const engine = SimEngine.open();
    engine.add(request(1, 9, { constraint: true, maxTokens: 1 }));
    const events: EngineEvent[] = [];
    while (only(events, "mask_wanted").length === 0) events.push(...engine.step());
    const mask = new Uint32Array(32);
    mask[31] = 1 << ((simVocabulary - 1) & 31);
    expect(engine.mask({ id: 1, choice: 0, after: 0, mask })).toEqual([]);
    expect(tokensOf(finish(engine), 1)).toEqual([simVocabulary - 1]);
  });

  test("ends the choice that was stopped, once, and gives the others all of theirs", () => {
    const whole = SimEngine.open();
    whole.add(request(1, 9, { n: 3, maxTokens: 20 }));
    const want = finish(whole);
    for (const choice of [0, 2]) {
      const engine = SimEngine.open();
      engine.add(request(1, 9, { n: 3, maxTokens: 20 }));
      const events: EngineEvent[] = [];
      while (tokensOf(events, 1, choice).length < 4) events.push(...engine.step());
      events.push(...engine.stop(1, choice), ...engine.stop(1, choice), ...finish(engine));
      expect(only(events, "end").filter((end) => end.choice === choice)).toMatchObject([{ reason: "stop" }]);
      expect(tokensOf(events, 1, choice)).toEqual(tokensOf(want, 1, choice).slice(0, 4));
      for (const other of [0, 1, 2].filter((index) => index !== choice)) {
        expect(tokensOf(events, 1, other)).toEqual(tokensOf(want, 1, other));
      }
      expect(engine.stop(1, choice)).toEqual([]);
      expect(engine.stop(99, 0)).toEqual([]);
    }
  });

  test("frees an aborted request within one step", () => {
    const engine = SimEngine.open();
    engine.add(request(1, 40, { images: [blankImage("a")], n: 2, maxTokens: 50 }));
    for (let i = 0; i < 6; i++) engine.step();
    engine.abort(1);
    engine.step();
    expectNothingHeld(engine);
  });
});

describe("An error", () => {
  /** Throws the error at the given call. */
  function failing(call: "onSubmit" | "onCollect" | "onEncode", at: number, error: Error): SimOptions {
    let calls = 0;
    const hook = () => {
      if (++calls === at) throw error;
    };
    return { hooks: { [call]: hook }, limits: { maxSequences: 2 } };
  }

  for (const call of ["onSubmit", "onCollect", "onEncode"] as const) {
    test(`of one step (${call}) ends its requests once, with all choices, and leaves the others`, () => {
      const engine = SimEngine.open(failing(call, 1, new DeviceError("not today")));
      engine.add(request(1, 3, { images: [blankImage("a")], n: 3 }));
      engine.add(request(2, 3, { maxTokens: 2 }));
      engine.add(request(3, 3, { images: [blankImage("a")] }));
      const events = finish(engine);
      const failed = only(events, "error").map(({ id }) => id);
      expect(failed).toContain(1);
      expect(new Set(failed).size).toBe(failed.length);
      expect(tokensOf(events, 3)).toHaveLength(6);
      expect(engine.failure).toBeUndefined();
    });

    test(`that is a mistake of our own (${call}) ends what runs, and what waits is left`, () => {
      const engine = SimEngine.open(failing(call, 1, new TypeError("oh")));
      for (const id of [1, 2, 3]) engine.add(request(id, 3, { images: [blankImage("a")] }));
      const events = [...engine.step(), ...engine.step()];
      expect(only(events, "error").map(({ id }) => id)).toEqual([1, 2]);
      expect([engine.failure?.message, engine.scheduler.waiting.count]).toEqual(["oh", 1]);
      engine.abort(3);
      expectNothingHeld(engine);
    });
  }
});

describe("EngineCore.stats", () => {
  test("counts what was done, and what is held", () => {
    const engine = SimEngine.open({ limits: { maxSequences: 1 } });
    const one = request(1, 9, { maxTokens: 4, images: [blankImage("a")] });
    engine.add(one);
    engine.abort(1);
    for (const id of [1, 2]) engine.add({ ...one, id });
    engine.step();
    expect(engine.stats).toMatchObject({ requests: 3, running: 1, waiting: 1, waitingTokens: 14 });
    expect(engine.stats.heldBlocks).toBeGreaterThan(0);
    finish(engine);
    const { stats } = engine;
    expect(stats).toMatchObject({
      running: 0,
      waiting: 0,
      promptTokens: 20,
      cachedTokens: 8,
      generatedTokens: 8,
      imageHits: 1,
      imageMisses: 1,
      heldBlocks: 0,
    });
    expect(stats.cachedBlocks).toBe(3);
    const count = ({ counts }: { counts: readonly number[] }) => counts.reduce((a, b) => a + b, 0);
    expect([count(stats.timeToFirstTokenMs), count(stats.interTokenMs)]).toEqual([2, 6]);
    expect([count(stats.stepMs), stats.steps > 0]).toEqual([stats.steps, true]);
    expect(stats.idleMs).toBeGreaterThanOrEqual(0);
    expect(structuredClone(stats)).toEqual(stats);
  });
});
