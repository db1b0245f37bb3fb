import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Engine } from "../../src/engine/engine.ts";
import type { EngineEvent, EngineRequest } from "../../src/engine/protocol.ts";
import { greedy, type Sampling } from "../../src/engine/sampling.ts";
import { trace } from "../../src/engine/trace.ts";
import { adjustLogits } from "../../src/reference/adjust_logits.ts";
import { sample } from "../../src/reference/sample.ts";
import { type Random, random } from "../../src/selftest/random.ts";
import { tinyImageToken as vocabSize } from "../model/tiny_checkpoint.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { finish, noiseImage, openTinyEngine, request, text, tokensOf, useTinyModel } from "./tiny_engine.ts";

setDefaultTimeout(testLimitMs);
const model = useTinyModel();
const engine = openTinyEngine(model, { maxSequences: 4, outputRows: 16 });
afterAll(() => engine.dispose());

function run(...requests: EngineRequest[]): Map<number, EngineEvent[]> {
  for (const one of requests) engine.add(one);
  return finish(engine);
}

/** The raw logits that each token of an answer was chosen from, computed anew in another way. */
function rawLogits(of: Engine, one: EngineRequest, answer: readonly number[]): Float32Array[] {
  const tokens = [...one.tokens, ...answer.slice(0, -1)];
  const { logits } = trace(of, { id: 999, tokens, images: one.images, maxTokens: 1, steps: false });
  const first = one.tokens.length - 1;
  return answer.map((_, i) => logits.data.slice((first + i) * vocabSize, (first + i + 1) * vocabSize));
}

function randomSampling(rng: Random): Sampling {
  const maybe = <T>(value: T, off: T) => rng.next() < 0.4 ? value : off;
  return {
    temperature: maybe(0, 0.2 + 1.5 * rng.next()),
    topK: maybe(1 + rng.below(60), 0),
    topP: maybe(0.2 + 0.8 * rng.next(), 1),
    minP: maybe(rng.next() / 5, 0),
    repetitionPenalty: maybe(0.7 + rng.next(), 1),
    presencePenalty: maybe(2 * rng.next() - 1, 0),
    frequencyPenalty: maybe(2 * rng.next() - 1, 0),
    minTokens: maybe(1 + rng.below(6), 0),
    seed: rng.below(2 ** 32),
    ...rng.next() < 0.4
      ? { logitBias: Array.from({ length: 20 }, () => [rng.below(vocabSize), 4 * rng.normal()] as const) }
      : {},
  };
}

/** What the references choose as token `i` of an answer. */
function chosenByReference(one: EngineRequest, answer: readonly number[], i: number, logits: Float32Array) {
  const { sampling } = one;
  const biases = new Map<number, number>();
  for (const [id, bias] of sampling.logitBias ?? []) biases.set(id, (biases.get(id) ?? 0) + bias);
  const adjusted = adjustLogits(logits, {
    repetition: sampling.repetitionPenalty,
    presence: sampling.presencePenalty,
    frequency: sampling.frequencyPenalty,
    promptTokens: one.tokens,
    generatedTokens: answer.slice(0, i),
    biases,
    lastResorts: new Set(i < (sampling.minTokens ?? 0) ? one.stopIds : []),
  });
  const seed = [sampling.seed!, 0] as const;
  return sample(Float32Array.from(adjusted), { ...sampling, seed, position: one.tokens.length + i });
}

describe("tokens of requests that share steps are those of the references", () => {
  test("for random settings, with penalties, biases and stop ids held back", () => {
    const rng = random(3);
    const requests = Array.from(
      { length: 24 },
      (_, id) =>
        request(id, id % 5 === 0 ? [-1, ...text(7, id)] : text(1 + rng.below(40), id), {
          images: id % 5 === 0 ? [noiseImage(id % 2)] : [],
          sampling: randomSampling(rng),
          maxTokens: 1 + rng.below(12),
          stopIds: Array.from({ length: 30 }, () => rng.below(vocabSize)),
        }),
    );
    const events = run(...requests);
    let compared = 0;
    for (const one of requests) {
      const answer = tokensOf(events.get(one.id));
      for (const [i, logits] of rawLogits(engine, one, answer).entries()) {
        const want = chosenByReference(one, answer, i, logits);
        if (!want.certain) continue;
        expect([one.id, i, answer[i]]).toEqual([one.id, i, want.token!]);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(80);
  });
});

describe("Sampling.logprobs", () => {
  test("are those of the raw distribution, with as many of the best as asked for", () => {
    const sampling = {
      ...greedy,
      temperature: 1.5,
      repetitionPenalty: 1.4,
      logitBias: [[5, 3]] as const,
      seed: 4,
    };
    const requests = [0, 3, 20].map((logprobs, id) =>
      request(id, text(6, id), { sampling: { ...sampling, logprobs }, maxTokens: 4 })
    );
    const events = run(...requests, request(3, text(6, 3)));
    expect(events.get(3)!.some((event) => "logprob" in event && event.logprob !== undefined)).toBe(false);
    for (const one of requests) {
      const answer = tokensOf(events.get(one.id));
      const logprobs = events.get(one.id)!.flatMap((event) => event.type === "token" ? [event.logprob!] : []);
      for (const [i, logits] of rawLogits(engine, one, answer).entries()) {
        const total = Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0));
        expect(logprobs[i]!.logprob).toBeCloseTo(logits[answer[i]!]! - total, 4);
        const best = Array.from(logits, (logit, token) => ({ token, logprob: logit - total }))
          .sort((a, b) => b.logprob - a.logprob || a.token - b.token).slice(0, one.sampling.logprobs);
        expect(logprobs[i]!.top.map(({ token }) => token)).toEqual(best.map(({ token }) => token));
        for (const [j, { logprob }] of logprobs[i]!.top.entries()) {
          expect(logprob).toBeCloseTo(best[j]!.logprob, 4);
        }
      }
    }
  });
});

describe("Sampling.minTokens", () => {
  test("holds stop ids back so long, and they end the answer then", () => {
    const free = tokensOf(run(request(1, text(9, 1), { maxTokens: 8 })).get(1));
    const stopIds = Array.from({ length: vocabSize }, (_, id) => id).filter((id) => id % 2 === free[0]! % 2);
    const answer = (minTokens: number) =>
      tokensOf(
        run(request(1, text(9, 1), { maxTokens: 8, stopIds, sampling: { ...greedy, minTokens } })).get(1),
      );
    expect(answer(0)).toEqual([free[0]!]);
    const later = answer(4);
    expect(later.length).toBeGreaterThanOrEqual(5);
    for (const [i, token] of later.entries()) {
      const stops = stopIds.includes(token);
      if (i < 4) expect(stops).toBe(false);
      if (stops) expect(i).toBe(later.length - 1);
    }
  });
});

describe("A mask", () => {
  /** Answers every `mask_wanted` with the tokens that `allowed` lets through. */
  function runMasked(allowed: (id: number, after: number) => number[] | null, ...requests: EngineRequest[]) {
    for (const one of requests) engine.add(one);
    const events = new Map<number, EngineEvent[]>();
    for (let left = 500; !engine.idle && left > 0; left--) {
      for (const event of engine.step()) {
        events.set(event.id, [...events.get(event.id) ?? [], event]);
        if (event.type !== "mask_wanted") continue;
        const { id, choice, after } = event;
        const ids = allowed(id, after);
        const mask = ids && new Uint32Array(Math.ceil(vocabSize / 32));
        for (const token of ids ?? []) mask![token >>> 5]! |= 1 << (token & 31);
        engine.mask({ id, choice, after, mask });
      }
    }
    return events;
  }

  test("lets through nothing else, greedy or drawn, and does not touch those that have none", () => {
    const want = tokensOf(run(request(3, text(5, 3))).get(3));
    const allowed = (id: number, after: number) => [10 * id + after, 100 + id, vocabSize - 1];
    const events = runMasked(
      allowed,
      request(1, text(8, 1), { constraint: true }),
      request(2, text(8, 2), { constraint: true, sampling: { ...greedy, temperature: 2, seed: 3 } }),
      request(3, text(5, 3)),
    );
    for (const id of [1, 2]) {
      const answer = tokensOf(events.get(id));
      expect(answer.length).toBe(6);
      for (const [after, token] of answer.entries()) expect(allowed(id, after)).toContain(token);
    }
    expect(tokensOf(events.get(3))).toEqual(want);
  });

  test("that is null allows everything", () => {
    const want = tokensOf(run(request(1, text(8, 1))).get(1));
    const events = runMasked(() => null, request(1, text(8, 1), { constraint: true }));
    expect(tokensOf(events.get(1))).toEqual(want);
  });

  test("that allows a stop id only gets it, though it is too early for it", () => {
    const sampling = { ...greedy, temperature: 1, minTokens: 5, seed: 1 };
    const events = runMasked(
      () => [17],
      request(1, text(8, 1), { constraint: true, stopIds: [17], sampling }),
    );
    expect(tokensOf(events.get(1))).toEqual([17]);
  });
});

describe("What the device keeps of a sequence", () => {
  const sampling = (seed: number): Sampling => ({
    ...greedy,
    temperature: 0.8,
    repetitionPenalty: 1.3,
    frequencyPenalty: 0.4,
    seed,
  });
  const requests = Array.from(
    { length: 6 },
    (_, id) => request(id, text(20 + id, id), { sampling: sampling(id), maxTokens: 30, n: id === 5 ? 2 : 1 }),
  );

  test("is right after sequences were pushed out and came back, whichever slot they get", () => {
    const want = requests.map((one) => run(one).get(one.id)!);
    // Room for three of the six, so that they are preempted as they grow.
    const small = openTinyEngine(model, { maxSequences: 4, contextLength: 64, kvTokens: 128 });
    for (const one of requests) small.add(one);
    const events = finish(small);
    expect(small.stats.preemptions).toBeGreaterThan(0);
    for (const { id } of requests) {
      for (const choice of [0, 1]) {
        const tokens = (list: readonly EngineEvent[]) =>
          list.flatMap((event) => event.type === "token" && event.choice === choice ? [event.token] : []);
        expect([id, choice, tokens(events.get(id)!)]).toEqual([id, choice, tokens(want[id]!)]);
      }
    }
    small.dispose();
  });
});

describe("Seeds", () => {
  const sampling = (seed: number): Sampling => ({ ...greedy, temperature: 1.5, seed });
  const answer = (seed: number) =>
    tokensOf(run(request(1, text(9, 1), { sampling: sampling(seed), maxTokens: 12 })).get(1));

  test("give the same tokens again, and others when they differ", () => {
    expect(answer(123)).toEqual(answer(123));
    expect(answer(123)).not.toEqual(answer(124));
    expect(answer(-5)).not.toEqual(answer(5));
  });

  test("make the choices of one request different", () => {
    const events = run(request(1, text(9, 1), { sampling: sampling(7), maxTokens: 12, n: 3 })).get(1)!;
    const texts = [0, 1, 2].map((choice) =>
      events.flatMap((event) => event.type === "token" && event.choice === choice ? [event.token] : []).join()
    );
    expect(new Set(texts).size).toBe(3);
    expect(texts[0]).toBe(answer(7).join());
  });
});
