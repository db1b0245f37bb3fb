import { longestRetrySeconds } from "./drain_rate.ts";

/** A refused client is asked to wait so long at most, and needs a moment to come back, in ms. */
const keptMs = (longestRetrySeconds + 5) * 1000;

/**
 * Clients that found all places taken though they had less than their share of them. The next free places are kept for
 * them until they come back or should have: otherwise one who asks again and again would have them all.
 */
export class TurnedAway {
  readonly #since = new Map<string, number>(); // insertion order = order of time

  /** @param now a clock in ms */
  constructor(readonly now: () => number = () => performance.now()) {}

  add(client: string): void {
    this.#since.delete(client);
    this.#since.set(client, this.now());
  }

  has(client: string): boolean {
    return this.#since.has(client);
  }

  /** It has come back, and the engine has its request. */
  remove(client: string): void {
    this.#since.delete(client);
  }

  /**
   * Places that others must leave free: one for each of these clients, but at most an eighth of all, so that a crowd
   * that does not come back costs little.
   *
   * @param places that there are at present
   * @param most that there are at the best of times
   */
  kept(places: number, most: number): number {
    const latest = this.now() - keptMs;
    for (const [client, since] of this.#since) {
      if (since > latest) break;
      this.#since.delete(client);
    }
    for (const client of this.#since.keys()) {
      if (this.#since.size <= Math.ceil(most / 8)) break;
      this.#since.delete(client);
    }
    return Math.min(this.#since.size, Math.ceil(places / 8));
  }
}
