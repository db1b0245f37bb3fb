import { formatBytes, formatDuration } from "../base/units.ts";

/** Over how much of the past a speed is an average: shorter jumps about, longer is slow to notice a change. */
const windowMs = 5000;

/** How fast something grows, and when it will be complete. */
export class RateMeter {
  readonly #samples: { readonly at: number; readonly done: number }[] = [];

  /** @param at time in ms of a clock that never goes back */
  add(done: number, at: number = performance.now()): void {
    // What was counted before, as what an earlier run has brought, is no speed.
    this.#samples.push({ at, done });
    while (this.#samples.length > 2 && this.#samples[1]!.at < at - windowMs) this.#samples.shift();
  }

  /** By the second; `undefined` as long as that cannot be told. */
  get rate(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.at - first.at < 200) return undefined;
    return Math.max(0, last.done - first.done) / (last.at - first.at) * 1000;
  }

  /** `"112.0 MB/s, 2 min 11 s left"`, as far as it can be told. */
  describe(total: number): string | undefined {
    const { rate } = this;
    const done = this.#samples.at(-1)?.done ?? 0;
    if (rate === undefined) return undefined;
    const speed = `${formatBytes(Math.round(rate))}/s`;
    return rate > 0 && done < total ? `${speed}, ${formatLeft((total - done) / rate)} left` : speed;
  }
}

/** Whole seconds: nobody knows the future better. */
function formatLeft(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole >= 3600) return `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`;
  return whole < 60 ? `${whole} s` : formatDuration(whole * 1000);
}

/** `"43 %, 2.1 GB of 5.0 GB"`. */
export function describeAmount(done: number, total: number): string {
  return `${percent(done, total)} %, ${formatBytes(done)} of ${formatBytes(total)}`;
}

/** Rounded down: 100 % is the end. */
export function percent(done: number, total: number): number {
  return total > 0 ? Math.floor(done / total * 100) : 100;
}

/** `"[#####---------------]"`. */
export function bar(done: number, total: number, width = 20): string {
  const filled = total > 0 ? Math.floor(done / total * width) : width;
  return `[${"#".repeat(filled)}${"-".repeat(width - filled)}]`;
}
