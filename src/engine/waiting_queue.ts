import { nobody, Turns } from "../base/turns.ts";
import type { Sequence } from "./sequence.ts";

/** Sequences that wait to be admitted, clients in turn. Those that had to give up their place stand before all. */
export class WaitingQueue {
  readonly #preempted: Sequence[] = []; // first to come back first
  readonly #turns = new Turns<Sequence>();
  #tokens = 0;

  get count(): number {
    return this.#turns.size + this.#preempted.length;
  }

  /** Requests that were never admitted, and the tokens that they count for. */
  get requestCount(): number {
    return this.#turns.size;
  }

  get tokens(): number {
    return this.#tokens;
  }

  add(sequence: Sequence): void {
    this.#turns.add(sequence, sequence.request.client ?? nobody);
    this.#tokens += sequence.queueTokens;
  }

  /** Puts a sequence that was running before all others, those included that were put there before it. */
  putBack(sequence: Sequence): void {
    this.#preempted.unshift(sequence);
  }

  /** The one whose turn it is. */
  first(): Sequence | undefined {
    return this.#preempted[0] ?? this.#turns.first();
  }

  /** Takes `first()` out; its client's turn comes again when the others have had theirs. */
  takeFirst(): void {
    if (this.#preempted.shift()) return;
    this.#tokens -= this.#turns.takeFirst()?.queueTokens ?? 0;
  }

  /** Takes a sequence out, wherever it stands. Returns whether it was there. */
  remove(sequence: Sequence): boolean {
    if (takeOut(this.#preempted, sequence)) return true;
    if (!this.#turns.remove(sequence, sequence.request.client ?? nobody)) return false;
    this.#tokens -= sequence.queueTokens;
    return true;
  }
}

/** Takes a sequence out of a list. Says whether it was there. */
export function takeOut(list: Sequence[], sequence: Sequence): boolean {
  const index = list.indexOf(sequence);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}
