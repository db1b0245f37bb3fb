/** What a push releases: text that is certainly part of the answer, and whether a stop text has ended it. */
export interface StopResult {
  readonly emit: string;
  readonly stopped: boolean;
}

/**
 * Finds the texts that end an answer, also when their letters arrive in several pieces. Text that could be the
 * beginning of a stop text is held back until the next piece decides, so a stop text never leaves, not even in
 * part.
 *
 * Of several stop texts the one that ends first wins; of two that end together, the longer one. That makes the
 * answer independent of how it was cut into pieces.
 */
export class StopMatcher {
  readonly #stops: readonly string[];
  #held = "";
  #stopped = false;

  /** @throws {RangeError} If a stop text is empty: it would end every answer before its first letter. */
  constructor(stops: readonly string[]) {
    if (stops.includes("")) throw new RangeError("A stop text must not be empty");
    this.#stops = stops;
  }

  /** Takes the next piece of the answer. After a stop everything more is dropped. */
  push(text: string): StopResult {
    if (this.#stopped) return { emit: "", stopped: true };
    if (this.#stops.length === 0) return { emit: text, stopped: false };
    const seen = this.#held + text;
    const cut = this.#firstStop(seen);
    if (cut !== undefined) {
      this.#stopped = true;
      this.#held = "";
      return { emit: seen.slice(0, cut), stopped: true };
    }
    const keep = this.#possiblePrefix(seen);
    this.#held = seen.slice(seen.length - keep);
    return { emit: seen.slice(0, seen.length - keep), stopped: false };
  }

  /** The answer ended without a stop text: releases what was held back. */
  flush(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }

  /** Where the stop text that ends first begins, or `undefined` when none is complete. */
  #firstStop(seen: string): number | undefined {
    let cut: number | undefined;
    let end = Infinity;
    for (const stop of this.#stops) {
      const at = seen.indexOf(stop);
      if (at < 0 || at + stop.length > end) continue;
      cut = at + stop.length < end ? at : Math.min(at, cut!);
      end = at + stop.length;
    }
    return cut;
  }

  /** Length of the longest end of `seen` with which some stop text begins. */
  #possiblePrefix(seen: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, seen.length); length > longest; length--) {
        if (seen.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
