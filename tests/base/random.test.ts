import { describe, expect, test } from "bun:test";
import { philox, uniform } from "../../src/base/random.ts";

type Words = readonly [bigint, bigint, bigint, bigint];

/** Philox 4x32-10 as the paper writes it, over the whole 128-bit counter. */
function reference(counter: Words, key: readonly [bigint, bigint]): bigint[] {
  const low = (value: bigint) => value & 0xffffffffn;
  let [a, b, c, d] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const first = 0xd2511f53n * a;
    const second = 0xcd9e8d57n * c;
    [a, b, c, d] = [(second >> 32n) ^ b ^ k0, low(second), (first >> 32n) ^ d ^ k1, low(first)];
    k0 = low(k0 + 0x9e3779b9n);
    k1 = low(k1 + 0xbb67ae85n);
  }
  return [a, b, c, d];
}

/** The published known answers of Random123: counter, key, output. */
const knownAnswers: readonly [counter: Words, key: [bigint, bigint], output: bigint[]][] = [
  [[0n, 0n, 0n, 0n], [0n, 0n], [0x6627e8d5n, 0xe169c58dn, 0xbc57ac4cn, 0x9b00dbd8n]],
  [
    [0xffffffffn, 0xffffffffn, 0xffffffffn, 0xffffffffn],
    [0xffffffffn, 0xffffffffn],
    [0x408f276dn, 0x41c83b0en, 0xa20bc7c6n, 0x6d5451fdn],
  ],
  [
    [0x243f6a88n, 0x85a308d3n, 0x13198a2en, 0x03707344n],
    [0xa4093822n, 0x299f31d0n],
    [0xd16cfe09n, 0x94fdccebn, 0x5001e420n, 0x24126ea1n],
  ],
];

function expected(seed: bigint, counter: number): number[] {
  const key = BigInt.asUintN(64, seed);
  const words: Words = [BigInt(counter) & 0xffffffffn, BigInt(counter) >> 32n, 0n, 0n];
  return reference(words, [key & 0xffffffffn, key >> 32n]).map(Number);
}

describe("philox()", () => {
  test("has a reference that gives the published answers", () => {
    for (const [counter, key, output] of knownAnswers) expect(reference(counter, key)).toEqual(output);
  });

  test("gives the published answer for key and counter zero", () => {
    expect([...philox(0, 0)]).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  });

  test("equals the reference for words with every bit pattern that carries", () => {
    const seeds = [1n, 0xffffffffn, 0x100000000n, 0xffffffffffffffffn, 0x9e3779b97f4a7c15n, 2n ** 63n];
    const counters = [0, 1, 0xffff, 0x10000, 0xffffffff, 2 ** 32, 2 ** 40 + 12345, 2 ** 53 - 1];
    for (const seed of seeds) {
      for (const counter of counters) {
        expect({ seed, counter, words: [...philox(seed, counter)] }).toEqual({
          seed,
          counter,
          words: expected(seed, counter),
        });
      }
    }
  });

  test("takes the lower 64 bits of any integer as its key", () => {
    expect(philox(-1, 5)).toEqual(philox(2n ** 64n - 1n, 5));
    expect(philox(2n ** 64n + 7n, 5)).toEqual(philox(7, 5));
    expect(philox(Number.MIN_SAFE_INTEGER, 5)).toEqual(philox(2n ** 64n - 2n ** 53n + 1n, 5));
  });
});

describe("uniform()", () => {
  test("is made of the first two words, 27 and 26 bits", () => {
    const [high, low] = expected(42n, 3) as [number, number];
    expect(uniform(42, 3)).toBe((Math.floor(high / 32) * 2 ** 26 + Math.floor(low / 64)) / 2 ** 53);
  });

  test("fills [0, 1) evenly", () => {
    const bins = new Array<number>(16).fill(0);
    const count = 16_000;
    for (let i = 0; i < count; i++) {
      const value = uniform(7, i);
      expect(value >= 0 && value < 1).toBe(true);
      bins[Math.floor(value * 16)]!++;
    }
    const chiSquare = bins.reduce((sum, seen) => sum + (seen - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(37.7); // 15 degrees of freedom, 1 in 1000; the seed is fixed
  });
});
