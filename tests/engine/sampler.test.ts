import { describe, expect, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { maxEdits, Sampler } from "../../src/engine/sampler.ts";
import { greedy, type Sampling } from "../../src/engine/sampling.ts";
import { lastResort } from "../../src/ops/adjust_logits.ts";
import { floatBits } from "../../src/ops/float_bits.ts";

const sampler = (sampling: Partial<Sampling>, stopIds?: readonly number[]) =>
  new Sampler({ ...greedy, ...sampling }, stopIds);
const lastBits = floatBits(lastResort);

describe("Sampler.adjusts()", () => {
  const cases: [Partial<Sampling>, boolean][] = [
    [{}, false],
    [{ temperature: 1, topK: 5, topP: 0.5, minP: 0.1, logprobs: 3 }, false],
    [{ repetitionPenalty: 1.1 }, true],
    [{ presencePenalty: -0.5 }, true],
    [{ frequencyPenalty: 0.5 }, true],
    [{ logitBias: [[3, 1]] }, true],
  ];
  for (const [sampling, wanted] of cases) {
    test(`is ${wanted} for ${JSON.stringify(sampling)}`, () => {
      expect(sampler(sampling).adjusts(0, false)).toBe(wanted);
    });
  }

  test("is true with a mask, and as long as stop ids are held back", () => {
    expect(sampler({}).adjusts(0, true)).toBe(true);
    const early = sampler({ minTokens: 2 }, [7]);
    expect([0, 1, 2, 3].map((count) => early.adjusts(count, false))).toEqual([true, true, false, false]);
    expect(sampler({ minTokens: 2 }).adjusts(0, false)).toBe(false); // nothing to hold back
  });
});

describe("Sampler.edits()", () => {
  test("adds up biases of one token", () => {
    expect([...sampler({ logitBias: [[3, 1.5], [9, -2], [3, 1]] }).edits(0)]).toEqual([
      3,
      floatBits(2.5),
      9,
      floatBits(-2),
    ]);
  });

  test("holds stop ids back until there are enough tokens, whatever their bias", () => {
    const both = sampler({ logitBias: [[3, 1], [4, 5]], minTokens: 1 }, [4, 8]);
    expect([...both.edits(0)]).toEqual([3, floatBits(1), 4, lastBits, 8, lastBits]);
    expect([...both.edits(1)]).toEqual([3, floatBits(1), 4, floatBits(5)]);
  });

  test("are bounded", () => {
    const bias = (count: number) => Array.from({ length: count }, (_, id) => [id, 1] as const);
    expect(sampler({ logitBias: bias(maxEdits) }).edits(0).length).toBe(2 * maxEdits);
    expect(() => sampler({ logitBias: bias(maxEdits), minTokens: 1 }, [maxEdits])).toThrow(RequestError);
  });
});

describe("Sampler.choice", () => {
  test("holds all 64 bits of a seed, which may be negative or huge", () => {
    const words = (seed: number) => [...sampler({ seed }).choice.slice(-2)];
    expect(words(5)).toEqual([5, 0]);
    expect(words(-5)).toEqual([0xfffffffb, 0xffffffff]);
    expect(words(2 ** 40 + 3)).toEqual([3, 2 ** 8]);
    expect(words(2 ** 63)).toEqual([0, 0x80000000]);
  });

  test("counts tokens for penalties only", () => {
    expect(sampler({ temperature: 1 }).counts).toBe(false);
    expect(sampler({ frequencyPenalty: 1 }).counts).toBe(true);
  });
});
