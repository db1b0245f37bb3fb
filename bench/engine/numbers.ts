/** The value that so many percent of the values do not exceed (nearest rank); NaN of none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * percent / 100) - 1)] ?? NaN;
}

/** `"p50 1.2, p90 3.4, p99 5.6 ms"`. */
export function percentiles(values: readonly number[]): string {
  const parts = [50, 90, 99].map((percent) => `p${percent} ${percentile(values, percent).toFixed(1)}`);
  return `${parts.join(", ")} ms`;
}

/** `"12.3 %"`, or `"-"` of nothing. */
export function share(part: number, whole: number): string {
  return whole > 0 ? `${(part / whole * 100).toFixed(1)} %` : "-";
}

/** Seeded numbers in [0, 1): the same load for every run and machine. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A whole number from `low` to `high`, both included. */
export function between(next: () => number, [low, high]: readonly [number, number]): number {
  return low + Math.floor(next() * (high - low + 1));
}
