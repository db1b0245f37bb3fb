import { uniform } from "../../src/base/random.ts";

/** Seeded choices: the same seed makes the same choices in the same order, on every machine. */
export class Dice {
  readonly #seed: bigint;
  #count = 0;

  /** @param stream tells apart the dice that one seed makes, for example the index of a scene */
  constructor(seed: number, stream: number) {
    this.#seed = (BigInt(seed) << 32n) | BigInt(stream);
  }

  /** A number in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * uniform(this.#seed, this.#count++);
  }

  /** An integer from low to high, both included. */
  integer(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1));
  }

  /** True with this probability. */
  happens(probability: number): boolean {
    return this.between(0, 1) < probability;
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError("Cannot pick from an empty list");
    return list[this.integer(0, list.length - 1)]!;
  }

  shuffled<T>(list: readonly T[]): T[] {
    return list.map((item) => ({ item, key: this.between(0, 1) })).toSorted((a, b) => a.key - b.key)
      .map(({ item }) => item);
  }

  /** One of the keys, each as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = this.between(0, entries.reduce((sum, [, weight]) => sum + weight, 0));
    return (entries.find(([, weight]) => (left -= weight) < 0) ?? entries.at(-1)!)[0];
  }
}
