import { describe, expect, test } from "bun:test";
import { uniform } from "../../src/base/random.ts";
import { candidateCount, type Output, Sampler } from "../../src/engine/sampler.ts";
import { greedy, type Sampling } from "../../src/engine/sampling.ts";
import { type Random, random } from "../../src/selftest/random.ts";
import { tokenProbabilities } from "./sampling_reference.ts";

function row(logits: ArrayLike<number>): Output {
  return { kind: "logits", logits: Float32Array.from(logits) };
}

/** What top_k.comp brings back of a row: the best, equal ones by rising id, NaN last. */
function bestOf(logits: ArrayLike<number>, count: number): Output {
  const order = Array.from(logits, (value, id) => ({ id, value: Number.isNaN(value) ? -Infinity : value }))
    .sort((a, b) => b.value - a.value || a.id - b.id).slice(0, count);
  return {
    kind: "candidates",
    ids: Uint32Array.from(order, ({ id }) => id),
    logits: Float32Array.from(order, ({ id }) => logits[id]!),
  };
}

function choose(sampling: Partial<Sampling>, logits: ArrayLike<number>, prompt: number[] = []): number {
  return new Sampler({ ...greedy, seed: 1, ...sampling }, prompt).next(row(logits));
}

/** The tokens that many seeds choose. */
function support(sampling: Partial<Sampling>, logits: ArrayLike<number>): number[] {
  const seen = Array.from({ length: 400 }, (_, seed) => choose({ ...sampling, seed }, logits));
  return [...new Set(seen)].sort((a, b) => a - b);
}

/** The token at the drawn share of the probabilities, by id; undefined too near a border to tell. */
function drawn(probabilities: number[], share: number): number | undefined {
  let sum = 0;
  for (const [id, probability] of probabilities.entries()) {
    sum += probability;
    if (Math.abs(share - sum) < 1e-9) return undefined;
    if (share < sum) return id;
  }
  return undefined;
}

function randomSampling(data: Random): Sampling {
  const maybe = (value: number, off: number) => data.next() < 0.5 ? value : off;
  return {
    temperature: 0.1 + 1.9 * data.next(),
    topK: maybe(1 + data.below(40), 0),
    topP: maybe(data.next(), 1),
    minP: maybe(data.next() / 4, 0),
    repetitionPenalty: maybe(0.5 + data.next(), 1),
    presencePenalty: maybe(4 * data.next() - 2, 0),
    frequencyPenalty: maybe(4 * data.next() - 2, 0),
    seed: data.below(2 ** 31),
  };
}

describe("Sampler.next() with temperature 0", () => {
  test("takes the largest logit, of equals the one with the smallest id", () => {
    expect(choose({}, [1, 5, 5, 2])).toBe(1);
    expect(choose({}, [0, -0, 0])).toBe(0);
    expect(new Sampler(greedy, []).next(bestOf([1, 5, 5, 2], 3))).toBe(1);
  });

  test("never takes NaN, and prefers +Infinity", () => {
    expect(choose({}, [NaN, -3, NaN, -2])).toBe(3);
    expect(choose({}, [1, Infinity, NaN, Infinity])).toBe(1);
    expect(choose({}, [-Infinity, -Infinity, -1e30])).toBe(2);
    expect(new Sampler(greedy, []).next(bestOf([NaN, -3, NaN, -2], 4))).toBe(3);
  });

  test("applies penalties, too", () => {
    expect(choose({ repetitionPenalty: 2 }, [3, 2, -1], [0])).toBe(1);
    expect(choose({ repetitionPenalty: 2 }, [-3, -2, -9], [1])).toBe(0);
    expect(choose({ repetitionPenalty: 0.5 }, [3, 2, -1], [1])).toBe(1);
  });
});

describe("Sampler.next() with a temperature", () => {
  test("draws what the reference draws, for random settings, rows and histories", () => {
    const data = random(11);
    let compared = 0;
    for (let i = 0; i < 400; i++) {
      const width = 2 + data.below(80);
      const sampling = randomSampling(data);
      const prompt = Array.from({ length: data.below(6) }, () => data.below(2 * width)); // half of them outside
      const sampler = new Sampler(sampling, prompt);
      const generated: number[] = [];
      for (let n = 0; n < 4; n++) {
        const logits = data.normals(width, 3);
        if (data.next() < 0.3) logits[data.below(width)] = logits[data.below(width)]!;
        const token = sampler.next(row(logits));
        const want = drawn(
          tokenProbabilities([...logits], sampling, prompt, generated),
          uniform(sampling.seed!, n),
        );
        generated.push(token);
        if (want === undefined) continue;
        expect({ i, n, token }).toEqual({ i, n, token: want });
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(1550);
  });

  test("draws each token as often as it is likely", () => {
    const sampling = { ...greedy, temperature: 0.7, topK: 6, topP: 0.95, minP: 0.02, seed: 5 };
    const logits = [2, 1.5, 1, 0.5, 0, -0.5, -1, -4];
    const wanted = tokenProbabilities(logits, sampling);
    const seen = logits.map(() => 0);
    const sampler = new Sampler(sampling, []);
    const output = row(logits);
    const count = 20_000;
    for (let i = 0; i < count; i++) seen[sampler.next(output)]!++;
    for (const [id, probability] of wanted.entries()) {
      const spread = Math.sqrt(count * probability * (1 - probability));
      expect(Math.abs(seen[id]! - count * probability)).toBeLessThanOrEqual(4 * spread);
    }
  });

  test("keeps ties with the k-th", () => {
    expect(support({ temperature: 1, topK: 2 }, [3, 1, 1, 1, 0])).toEqual([0, 1, 2, 3]);
    expect(support({ temperature: 1, topK: 1 }, [2, 2, 0])).toEqual([0, 1]);
  });

  test("top-p keeps the smallest set that reaches it, and always the best", () => {
    const logits = [0.5, 0.3, 0.15, 0.05].map(Math.log);
    expect(support({ temperature: 1, topP: 0.79 }, logits)).toEqual([0, 1]);
    expect(support({ temperature: 1, topP: 0.81 }, logits)).toEqual([0, 1, 2]);
    expect(support({ temperature: 1, topP: 0.1 }, logits)).toEqual([0]);
    expect(support({ temperature: 1, topP: 0 }, logits)).toEqual([0]);
    expect(support({ temperature: 1, topP: 0 }, [1, 1, 1])).toEqual([0]);
    // A set that reaches it to the bit is enough.
    expect(support({ temperature: 1, topP: 0.5 }, [1, 1, 1, 1])).toEqual([0, 1]);
    expect(support({ temperature: 1, topP: 0.75 }, [1, 1, 1, 1])).toEqual([0, 1, 2]);
  });

  test("top-p counts what top-k has left", () => {
    const logits = [0.4, 0.3, 0.2, 0.1].map(Math.log);
    // Of two, the first has 4/7: enough for 0.5, which it would not be of four.
    expect(support({ temperature: 1, topK: 2, topP: 0.5 }, logits)).toEqual([0]);
    expect(support({ temperature: 1, topP: 0.5 }, logits)).toEqual([0, 1]);
  });

  test("top-p comes after the temperature", () => {
    const logits = [0.5, 0.3, 0.2].map(Math.log);
    expect(support({ temperature: 0.25, topP: 0.85 }, logits)).toEqual([0]);
    expect(support({ temperature: 4, topP: 0.65 }, logits)).toEqual([0, 1]);
  });

  test("min-p is a share of the best, and 1 keeps its equals only", () => {
    const logits = [0.5, 0.3, 0.2].map(Math.log);
    expect(support({ temperature: 1, minP: 0.5 }, logits)).toEqual([0, 1]);
    expect(support({ temperature: 1, minP: 0.7 }, logits)).toEqual([0]);
    expect(support({ temperature: 1, minP: 1 }, [1, 1, 0])).toEqual([0, 1]);
  });

  test("bears the smallest temperature and the largest logits", () => {
    expect(support({ temperature: 1e-45 }, [3e38, -3e38, 2.9e38])).toEqual([0]);
    expect(support({ temperature: 1e-45 }, [1, 1, 0.5])).toEqual([0, 1]);
    expect(support({ temperature: 5e-324 }, [-Infinity, Infinity, NaN, 0])).toEqual([1]);
    expect(support({ temperature: 2 }, [Infinity, Infinity, 0])).toEqual([0, 1]);
    expect(support({ temperature: 1 }, [-Infinity, -Infinity])).toEqual([0, 1]);
    expect(support({ temperature: 1, topK: 2, topP: 0.5, minP: 0.1 }, [NaN, NaN, -5])).toEqual([2]);
  });
});

describe("Sampler penalties", () => {
  test("count the prompt for repetition, generated tokens for all three", () => {
    const sampling = { ...greedy, presencePenalty: 1, frequencyPenalty: 0.25 };
    const sampler = new Sampler(sampling, [0]);
    const logits = [5, 3.9, 3.7];
    // 5, then 3.75 after once, 3.5 after twice.
    expect([1, 2, 3, 4].map(() => sampler.next(row(logits)))).toEqual([0, 1, 0, 2]);
  });

  test("frequency grows with every repetition", () => {
    const sampler = new Sampler({ ...greedy, frequencyPenalty: 1 }, []);
    expect([1, 2, 3, 4, 5].map(() => sampler.next(row([3.5, 1])))).toEqual([0, 0, 0, 1, 0]);
  });

  test("leave the image token of the prompt alone, which has no logit", () => {
    expect(choose({ repetitionPenalty: 3 }, [1, 2, 3], [768, 2])).toBe(1);
  });

  test("with repetition 1 cost the prompt nothing", () => {
    expect(choose({ presencePenalty: 2 }, [1, 2, 3], [2])).toBe(2);
  });
});

describe("Sampler.outputMode", () => {
  const modes: [Partial<Sampling>, string][] = [
    [{}, "greedy"],
    [{ topK: 10, topP: 0.5 }, "greedy"],
    [{ repetitionPenalty: 1.1 }, "logits"],
    [{ presencePenalty: -0.5 }, "logits"],
    [{ frequencyPenalty: 0.5 }, "logits"],
    [{ temperature: 1 }, "logits"],
    [{ temperature: 1, topK: candidateCount - 1 }, "candidates"],
    [{ temperature: 1, topK: candidateCount }, "logits"], // its ties would not come back
  ];
  for (const [sampling, mode] of modes) {
    test(`is ${mode} for ${JSON.stringify(sampling)}`, () => {
      expect(new Sampler({ ...greedy, ...sampling }, []).outputMode).toBe(mode as "greedy");
    });
  }

  test("more than it asks for changes nothing", () => {
    const data = random(12);
    for (let i = 0; i < 150; i++) {
      const sampling: Sampling = {
        ...greedy,
        temperature: data.next() < 0.2 ? 0 : 0.2 + 2 * data.next(),
        topK: 1 + data.below(candidateCount - 8),
        topP: 0.5 + data.next() / 2,
        minP: data.next() / 10,
        seed: i,
      };
      const few = new Sampler(sampling, []);
      const all = new Sampler(sampling, []);
      for (let n = 0; n < 5; n++) {
        const logits = data.normals(300, 2).map((value) => Math.round(value * 64) / 64); // with ties
        expect(few.next(bestOf(logits, candidateCount))).toBe(all.next(row(logits)));
      }
    }
  });
});

describe("Sampler seeds", () => {
  const sampling = { ...greedy, temperature: 1 };
  const flat = row(new Float32Array(1000));
  const draw = (seed?: number) => {
    const sampler = new Sampler({ ...sampling, seed }, []);
    return Array.from({ length: 20 }, () => sampler.next(flat));
  };

  test("give the same tokens again", () => expect(draw(123)).toEqual(draw(123)));
  test("that differ give other tokens", () => expect(draw(123)).not.toEqual(draw(124)));
  test("may be negative or huge", () => expect(draw(-5)).not.toEqual(draw(2 ** 63)));
  test("left out are drawn", () => expect(draw()).not.toEqual(draw()));
});
