import { nobody } from "../base/turns.ts";
import type { Sequence } from "./sequence.ts";

/** Sequences that each caller has running; those that give way count no longer. */
export class Places {
  readonly #counts = new Map<string, number>();

  constructor(private readonly running: readonly Sequence[]) {
    for (const sequence of running) {
      if (sequence.givesWay) continue;
      const caller = callerOf(sequence);
      this.#counts.set(caller, (this.#counts.get(caller) ?? 0) + 1);
    }
  }

  /** What the sequence's caller has running. */
  readonly of = (sequence: Sequence): number => this.#counts.get(callerOf(sequence)) ?? 0;

  /**
   * The sequence that is to give way to `next`, if its caller with one less still has as many as that of `next` with one
   * more. So nobody's answer gives way to another of its own caller, and no place goes to and fro.
   */
  givingWayTo(next: Sequence): Sequence | undefined {
    const rich = this.newestOfRichest();
    return rich && this.of(rich) - 1 >= this.of(next) + 1 ? rich : undefined;
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

function callerOf({ request }: Sequence): string {
  return (request.client ?? nobody).caller;
}
