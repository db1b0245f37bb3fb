import { describe, expect, test } from "bun:test";
import type { Engine } from "../../src/engine/engine.ts";
import type { EngineRequest, TokenLogprob } from "../../src/engine/protocol.ts";
import { greedy } from "../../src/engine/sampling.ts";
import { relativeL2 } from "../../src/selftest/compare.ts";
import { expectNothingHeld } from "../engine/invariants.ts";
import type { GoldenCase } from "../support/goldens.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { goldenEngine, goldenImages, goldenRuns, useGoldenEngines } from "./golden_engine.ts";

useGoldenEngines();
const runs = goldenRuns();

async function requestOf(engine: Engine, golden: GoldenCase, id: number): Promise<EngineRequest> {
  const { input_ids: tokens, greedy: { ids } } = golden.file;
  const images = await goldenImages(engine, golden);
  return { id, tokens, images, sampling: greedy, maxTokens: ids.length, stopIds: [] };
}

/** Steps until nothing is left; the tokens of each request by its id. */
function finish(engine: Engine): Map<number, number[]> {
  const tokens = new Map<number, number[]>();
  while (!engine.idle) {
    for (const event of engine.step()) {
      if (event.type === "error") throw new Error(event.error.message);
      if (event.type === "token") tokens.set(event.id, [...tokens.get(event.id) ?? [], event.token]);
    }
  }
  return tokens;
}

describe("replayed steps give the golden's greedy tokens", () => {
  for (const { label, golden, checkpoint } of runs) {
    test(label, async () => {
      const engine = goldenEngine(checkpoint, { maxSequences: 1 });
      engine.add(await requestOf(engine, golden, 1));
      expect(finish(engine).get(1)).toEqual(golden.file.greedy.ids.slice());
      expectNothingHeld(engine);
    }, testLimitMs);
  }
});

describe("sequences that share steps give the same tokens as alone", () => {
  for (const [name, group] of Map.groupBy(runs, (run) => run.checkpoint.name)) {
    test(name, async () => {
      const checkpoint = group[0]!.checkpoint;
      const cases = group.map((run) => run.golden);
      const engine = goldenEngine(checkpoint, { maxSequences: 3, chunkSize: 48, imageTiles: 12 });
      for (const [id, golden] of cases.entries()) engine.add(await requestOf(engine, golden, id));
      const tokens = finish(engine);
      for (const [id, golden] of cases.entries()) {
        expect([golden.name, tokens.get(id)]).toEqual([golden.name, golden.file.greedy.ids.slice()]);
      }
      expectNothingHeld(engine);
    }, testLimitMs);
  }
});

/** The log probabilities of the best twenty tokens at every place of every answer, by request. */
function bestLogprobs(engine: Engine, requests: readonly EngineRequest[]): Map<number, TokenLogprob[]> {
  const best = new Map<number, TokenLogprob[]>(requests.map(({ id }) => [id, []]));
  for (const request of requests) engine.add({ ...request, sampling: { ...greedy, logprobs: 20 } });
  while (!engine.idle) {
    for (const event of engine.step()) {
      if (event.type === "token") best.get(event.id)!.push(...event.logprob!.top);
    }
  }
  return best;
}

/** Counts the steps that an engine submits in which sequences with images share a batch with others that have none. */
function countMixedSteps(engine: Engine): { count: number } & Disposable {
  const { runner } = engine;
  const submit = runner.submit.bind(runner);
  const counter = {
    count: 0,
    [Symbol.dispose]: () => void delete (runner as Partial<typeof runner>).submit,
  };
  runner.submit = (step) => {
    const [some, none] = [true, false].map((images) =>
      step.some(({ sequence }) => sequence.images.length > 0 === images)
    );
    if (some && none) counter.count++;
    return submit(step);
  };
  return counter;
}

describe("rows of a batch equal rows alone", () => {
  for (const [name, group] of Map.groupBy(runs, (run) => run.checkpoint.name)) {
    test(name, async () => {
      const checkpoint = group[0]!.checkpoint;
      const short = group.filter(({ golden }) => golden.file.input_ids.length <= 120);
      const [shown, unseen] = [true, false].map((images) =>
        short.filter(({ golden }) => golden.file.images.length > 0 === images)
      ) as [typeof short, typeof short];
      const chosen = [...shown.slice(0, 5), ...unseen.slice(0, 3)];
      const requests = async (engine: Engine) =>
        await Promise.all(chosen.map(({ golden }, id) => requestOf(engine, golden, id)));
      const alone = goldenEngine(checkpoint, { maxSequences: 1, prefixCache: false });
      const want = new Map<number, TokenLogprob[]>();
      for (const request of await requests(alone)) {
        for (const [id, best] of bestLogprobs(alone, [request])) want.set(id, best);
      }
      const batch = goldenEngine(checkpoint, { maxSequences: 8, chunkSize: 64, imageTiles: 24 });
      const asked = await requests(batch);
      using mixed = countMixedSteps(batch);
      const have = bestLogprobs(batch, asked);
      expect(mixed.count).toBeGreaterThan(8);
      for (const [id, best] of want) {
        expect(best.length).toBeGreaterThan(100);
        expect(have.get(id)!.map(({ token }) => token)).toEqual(best.map(({ token }) => token));
        const values = (list: TokenLogprob[]) => Float32Array.from(list, ({ logprob }) => logprob);
        expect(relativeL2(values(have.get(id)!), values(best))).toBeLessThan(1e-5);
      }
    }, testLimitMs);
  }
});

test("Engine.step() ends a sequence with its first stop id", async () => {
  const run = runs.find(({ golden }) => golden.file.greedy.first_stop !== null);
  if (!run) return expect(process.env.LLAMAV_GOLDENS).toBeDefined(); // other people's vectors may have none
  const engine = goldenEngine(run.checkpoint, { maxSequences: 1 });
  const { ids, first_stop: firstStop } = run.golden.file.greedy;
  engine.add({ ...await requestOf(engine, run.golden, 1), stopIds: engine.config.generation.eosTokenIds });
  expect(finish(engine).get(1)).toEqual(ids.slice(0, firstStop! + 1));
});

test("Engine.abort() frees what the sequence held and leaves the others alone", async () => {
  const [{ checkpoint }] = runs as [typeof runs[number]];
  const cases = runs.filter((run) => run.checkpoint.name === checkpoint.name).map((run) => run.golden).slice(
    0,
    2,
  );
  const engine = goldenEngine(checkpoint, { maxSequences: 3, chunkSize: 48, imageTiles: 12 });
  for (const [id, golden] of cases.entries()) engine.add(await requestOf(engine, golden, id));
  engine.step();
  engine.abort(0);
  expect(finish(engine).get(1)).toEqual(cases[1]!.file.greedy.ids.slice());
  expectNothingHeld(engine);
});

test("Engine.step() encodes an image once for all sequences that show it", async () => {
  const run = runs.find(({ golden }) => golden.file.images.length === 1)!;
  const engine = goldenEngine(run.checkpoint, { maxSequences: 3, chunkSize: 48, imageTiles: 12 });
  let encoded = 0;
  const encodeImage = engine.runner.encodeImage.bind(engine.runner);
  engine.runner.encodeImage = (...args) => (encoded++, encodeImage(...args));
  for (const id of [1, 2, 3, 4]) {
    const request = await requestOf(engine, run.golden, id);
    engine.add({
      ...request,
      images: request.images.map((image) => ({ ...image, hash: `fresh ${image.hash}` })),
    });
  }
  const tokens = finish(engine);
  delete (engine.runner as Partial<typeof engine.runner>).encodeImage;
  expect(encoded).toBe(1);
  expect(tokens.get(4)).toEqual(tokens.get(1));
});
