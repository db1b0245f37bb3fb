import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { nothingAllowed } from "../../src/ops/sample.ts";
import { philox } from "../../src/base/random.ts";
import * as reference from "../../src/reference/sample.ts";
import { randomChoices, sampleCase, type SampleChoice } from "../../src/selftest/cases/sample.ts";
import { random } from "../../src/selftest/random.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { bothDeviceTypes, limitDevice } from "../support/limited_device.ts";
import { testLimitMs } from "../support/test_limit.ts";

// CPU drivers compile a kernel at its first dispatch, some for seconds.
setDefaultTimeout(testLimitMs);
const testDevice = openTestDevice();

for (const [kind, device] of bothDeviceTypes(testDevice)) {
  describe(kind, () => {
    const choose = (choice: SampleChoice, logits: ArrayLike<number>) =>
      sampleCase("one", Float32Array.from(logits), 1, [choice]).run(device).tokens[0]!;

    /** The tokens that many positions choose. */
    function support(choice: SampleChoice, logits: ArrayLike<number>): number[] {
      const choices = Array.from({ length: 300 }, (_, position) => ({ ...choice, position }));
      const { tokens } = sampleCase("many", Float32Array.from(logits), 1, choices).run(device);
      return [...new Set(tokens)].sort((a, b) => a - b);
    }

    describe("sample() with temperature 0", () => {
      for (const [rows, columns] of [[1, 1], [5, 556], [2, 1025], [2, 128256]] as const) {
        test(`takes the largest of V=${columns}`, () => {
          const logits = random(1).normals(rows * columns, 3);
          expectRight(device, sampleCase("greedy", logits, rows, Array(rows).fill({})));
        });
      }

      test("takes of equals the smallest id, and minds no sign of zero", () => {
        expect(choose({}, [1, 5, 5, 2])).toBe(1);
        expect(choose({}, [-1, -0, 0])).toBe(1);
        expect(choose({}, new Float32Array(3000))).toBe(0);
      });

      test("prefers +Infinity, and never takes -Infinity", () => {
        expect(choose({}, [1, Infinity, 3, Infinity])).toBe(1);
        expect(choose({}, [-Infinity, -Infinity, -1e30])).toBe(2);
      });
    });

    describe("sample() draws what the reference draws", () => {
      for (const [rows, columns] of [[1, 1], [3, 7], [5, 556], [3, 2050], [2, 20_000]] as const) {
        test(`V=${columns}`, () => {
          const rng = random(columns);
          const logits = rng.normals(rows * columns, 3);
          // Ties, so that thresholds fall between equals.
          for (let i = 0; i < columns; i += 3) logits[rng.below(columns)] = logits[rng.below(columns)]!;
          const drawn = sampleCase("drawn", logits, rows, randomChoices(60, columns + 1));
          expectRight(device, drawn);
        });
      }

      test("most of those choices are certain", () => {
        const logits = random(9).normals(556, 3);
        const certain = randomChoices(60, 10).map((choice) =>
          reference.sample(logits, {
            temperature: 0,
            topK: 0,
            topP: 1,
            minP: 0,
            position: 0,
            seed: [0, 0],
            ...choice,
          }).certain
        );
        expect(certain.filter(Boolean).length).toBeGreaterThan(50);
      });

      for (
        const choice of [
          { temperature: 1 },
          { temperature: 0.6, topK: 50, topP: 0.9 },
          { temperature: 1.5, topK: 100_000, topP: 0.999, minP: 1e-6 },
        ]
      ) {
        test(`V=128256 ${JSON.stringify(choice)}`, () => {
          const logits = random(5).normals(128256, 4);
          const choices = Array.from({ length: 4 }, (_, position) => ({ ...choice, position }));
          expectRight(device, sampleCase("drawn", logits, 1, choices));
        });
      }

      test("the same with a workgroup that is no subgroup, where loops are cut short", () => {
        const small = limitDevice(device, { loopSteps: 10_000 });
        const logits = random(5).normals(8000, 4);
        expectRight(small, sampleCase("drawn", logits, 1, randomChoices(12, 3)));
      });
    });

    describe("sample() keeps", () => {
      test("ties with the k-th", () => {
        expect(support({ temperature: 1, topK: 2 }, [3, 1, 1, 1, 0])).toEqual([0, 1, 2, 3]);
        expect(support({ temperature: 1, topK: 1 }, [2, 2, 0])).toEqual([0, 1]);
      });

      test("the smallest set that reaches top-p, and always the best", () => {
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

      test("of many equals as many as top-p needs, those with the smallest ids", () => {
        const tokens = support({ temperature: 1, topP: 0.25 }, new Float32Array(2000));
        expect(tokens.at(-1)).toBeLessThan(500);
        expect(tokens.at(-1)).toBeGreaterThan(450);
        expect(tokens.length).toBeGreaterThan(150); // of 300 draws among 500
      });

      test("with top-p what top-k has left, after the temperature", () => {
        const logits = [0.4, 0.3, 0.2, 0.1].map(Math.log);
        expect(support({ temperature: 1, topK: 2, topP: 0.5 }, logits)).toEqual([0]);
        expect(support({ temperature: 1, topP: 0.5 }, logits)).toEqual([0, 1]);
        expect(support({ temperature: 0.25, topP: 0.85 }, [0.5, 0.3, 0.2].map(Math.log))).toEqual([0]);
        expect(support({ temperature: 4, topP: 0.65 }, [0.5, 0.3, 0.2].map(Math.log))).toEqual([0, 1]);
      });

      test("with min-p a share of the best, and with 1 its equals only", () => {
        const logits = [0.5, 0.3, 0.2].map(Math.log);
        expect(support({ temperature: 1, minP: 0.5 }, logits)).toEqual([0, 1]);
        expect(support({ temperature: 1, minP: 0.7 }, logits)).toEqual([0]);
        expect(support({ temperature: 1, minP: 1 }, [1, 1, 0])).toEqual([0, 1]);
      });
    });

    describe("sample() on what is not ordinary", () => {
      test("bears the smallest temperature and the largest logits", () => {
        expect(support({ temperature: 1e-45 }, [3e38, -3e38, 2.9e38])).toEqual([0]);
        expect(support({ temperature: 5e-324 }, [1, 1, 0.5])).toEqual([0, 1]);
        expect(support({ temperature: 2 }, [Infinity, Infinity, 0])).toEqual([0, 1]);
        expect(support({ temperature: 1 }, [-Infinity, 1, -Infinity, 1])).toEqual([1, 3]);
      });

      test("says that there is a NaN, whatever is asked for, and writes no count", () => {
        const logits = Float32Array.of(1, NaN, 3, 2);
        const broken = sampleCase("NaN", logits, 1, [{}, { temperature: 1, topP: 0.5 }]);
        expectRight(device, broken);
        const { counts, tokens } = broken.run(device);
        expect([...tokens]).toEqual([0xffffffff, 0xffffffff]);
        expect(counts.some((count) => count > 0)).toBe(false);
      });

      test("says that nothing is allowed", () => {
        const logits = new Float32Array(5).fill(-Infinity);
        const { tokens } = sampleCase("nothing", logits, 1, [{}, { temperature: 1 }]).run(device);
        expect([...tokens]).toEqual([nothingAllowed, nothingAllowed]);
      });
    });

    test("sample() does not depend on the other outputs", () => {
      const logits = random(4).normals(4 * 700, 2);
      const choices = randomChoices(4, 5);
      const together = sampleCase("together", logits, 4, choices).run(device).tokens;
      const alone = choices.map((choice, row) => choose(choice, logits.subarray(700 * row, 700 * (row + 1))));
      expect(alone).toEqual([...together]);
    });
  });
}

test("sample() draws each token as often as it is likely", () => {
  const logits = random(6).normals(300, 1.5);
  const count = 8000;
  const choices = Array.from(
    { length: count },
    (_, position) => ({ temperature: 0.9, seed: [7, 8] as const, position }),
  );
  const { tokens } = sampleCase("likely", logits, 1, choices).run(testDevice);
  const weights = [...logits].map((value) => Math.exp(value / 0.9));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  // Pearson's chi-square over the tokens that are expected at least five times, the others as one class.
  const expectedCounts = weights.map((weight) => count * weight / total);
  const seen = weights.map(() => 0);
  for (const token of tokens) seen[token]!++;
  const frequent = expectedCounts.flatMap((expected, id) => expected >= 5 ? [id] : []);
  const restExpected = count - frequent.reduce((sum, id) => sum + expectedCounts[id]!, 0);
  const restSeen = count - frequent.reduce((sum, id) => sum + seen[id]!, 0);
  const chiSquare = frequent.reduce(
    (sum, id) => sum + (seen[id]! - expectedCounts[id]!) ** 2 / expectedCounts[id]!,
    (restSeen - restExpected) ** 2 / restExpected,
  );
  // The mean of the distribution is its degrees of freedom, its variance twice that.
  const freedom = frequent.length;
  expect(freedom).toBeGreaterThan(100);
  expect(Math.abs(chiSquare - freedom)).toBeLessThan(4 * Math.sqrt(2 * freedom));
});

test("the reference's random numbers are Philox 4x32-10", () => {
  for (
    const [position, seed] of [[0, 0n], [7, 0x1234_5678_9abc_def0n], [2 ** 32 - 1, 2n ** 64n - 1n]] as const
  ) {
    const key = [Number(seed & 0xffffffffn), Number(seed >> 32n)] as const;
    expect(reference.philox(position, key)).toEqual([...philox(seed, position)]);
  }
});
