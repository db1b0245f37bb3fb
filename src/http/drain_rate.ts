/** How long the past is that tells how fast the queue moves, in ms. */
const windowMs = 60_000;

/** Answers that are remembered at most. */
const most = 1024;

/** Least and most that a client is asked to wait. */
const shortestSeconds = 1;
export const longestRetrySeconds = 60;

/** How fast answers are completed, which is how fast a full queue moves on: what a refused client is told to wait. */
export class DrainRate {
  readonly #ends: number[] = [];
  #busySince = 0;
  #pending = 0;

  /** @param now a clock in ms */
  constructor(readonly now: () => number = () => performance.now()) {}

  /** A request was taken, and waits or runs. */
  started(): void {
    if (this.#pending++ === 0) this.#busySince = this.now();
  }

  /** It is no longer there; `completed` when it has had its turn. */
  ended(completed: boolean): void {
    this.#pending--;
    if (!completed) return;
    this.#ends.push(this.now());
    if (this.#ends.length > most) this.#ends.shift();
  }

  /**
   * Whole seconds until those that wait or run now have had their turn, at the rate of the last minute, or of the time
   * since there is anything to do. Where nothing was completed in it, one answer takes at least that long.
   */
  retryAfter(): number {
    const now = this.now();
    const since = Math.max(this.#busySince, now - windowMs);
    while (this.#ends.length > 0 && this.#ends[0]! < since) this.#ends.shift();
    const msEach = (now - since) / Math.max(1, this.#ends.length);
    return Math.min(longestRetrySeconds, Math.max(shortestSeconds, Math.ceil(this.#pending * msEach / 1000)));
  }
}
