import { percentile } from "../../src/runtime/bench_report.ts";

/** `"p50 1.2, p90 3.4, p99 5.6 ms"`. */
export function percentiles(values: readonly number[]): string {
  const parts = [50, 90, 99].map((percent) => `p${percent} ${percentile(values, percent).toFixed(1)}`);
  return `${parts.join(", ")} ms`;
}

/** `"12.3 %"`, or `"-"` of nothing. */
export function share(part: number, whole: number): string {
  return whole > 0 ? `${(part / whole * 100).toFixed(1)} %` : "-";
}

/** A whole number from `low` to `high`, both included. */
export function between(next: () => number, [low, high]: readonly [number, number]): number {
  return low + Math.floor(next() * (high - low + 1));
}
