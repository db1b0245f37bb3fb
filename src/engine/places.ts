import { nobody } from "../base/turns.ts";
import type { Sequence } from "./sequence.ts";

/** Sequences that each caller has running; those that give way count no longer. */
export class Places {
  readonly #counts = new Map<string, number>();

  constructor(private readonly running: readonly Sequence[]) {
    for (const sequence of running) {
      if (!sequence.givesWay) this.#counts.set(callerOf(sequence), this.of(sequence) + 1);
    }
  }

  /** What the sequence's caller has running. */
  of(sequence: Sequence): number {
    return this.#counts.get(callerOf(sequence)) ?? 0;
  }

  /** The first of these whose caller has the fewest places. */
  poorest(sequences: Iterable<Sequence>): Sequence | undefined {
    let poorest: Sequence | undefined;
    for (const sequence of sequences) {
      if (poorest === undefined || this.of(sequence) < this.of(poorest)) poorest = sequence;
    }
    return poorest;
  }

  /**
   * The sequences that may have to give way to `next`, one after the other: always the newest of the caller that has most
   * then, as long as with one less it still has as many as that of `next` will have. So nobody's answer gives way to
   * another of its own caller, and no place goes to and fro.
   */
  *givingWayTo(next: Sequence): Generator<Sequence> {
    const left = this.running.filter(({ givesWay }) => !givesWay);
    for (;;) {
      const places = new Places(left);
      const rich = places.newestOfRichest();
      if (!rich || places.of(rich) - 1 < this.of(next) + 1) return;
      yield rich;
      left.splice(left.indexOf(rich), 1);
    }
  }

  /** Of the sequences from `begin` on, the newest one of the caller that has most places. */
  newestOfRichest(begin = 0): Sequence | undefined {
    let rich: Sequence | undefined;
    for (let i = this.running.length - 1; i >= begin; i--) {
      const sequence = this.running[i]!;
      if (!sequence.givesWay && (!rich || this.of(sequence) > this.of(rich))) rich = sequence;
    }
    return rich;
  }
}

export function callerOf({ request }: Sequence): string {
  return (request.client ?? nobody).caller;
}
