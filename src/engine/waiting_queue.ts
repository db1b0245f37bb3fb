import { type Client, nobody, Turns } from "../base/turns.ts";
import type { Sequence } from "./sequence.ts";

/** Sequences that wait to be admitted: those that were preempted because memory was full, and requests, callers in turn. */
export class WaitingQueue {
  readonly #preempted: Sequence[] = []; // first to come back first
  readonly #turns = new Turns<Sequence>();
  /** Those in `#turns` that ran before. */
  readonly #gaveWay = new Set<Sequence>();
  #tokens = 0;

  get count(): number {
    return this.#turns.size + this.#preempted.length;
  }

  /** Requests that were never admitted, and the tokens that they count for. */
  get requestCount(): number {
    return this.#turns.size - this.#gaveWay.size;
  }

  get tokens(): number {
    return this.#tokens;
  }

  add(sequence: Sequence): void {
    this.#turns.add(sequence, clientOf(sequence));
    this.#tokens += sequence.queueTokens;
  }

  /** Puts a sequence that was running before all others, those included that were put there before it. */
  putBack(sequence: Sequence): void {
    this.#preempted.unshift(sequence);
  }

  /** Puts a sequence that gave its place to another caller before the others of its own. */
  giveWay(sequence: Sequence): void {
    this.#turns.putBack(sequence, clientOf(sequence));
    this.#gaveWay.add(sequence);
  }

  /** Who was preempted, first to come back first. */
  get preempted(): readonly Sequence[] {
    return this.#preempted;
  }

  /** The next one of each caller, in turn. */
  heads(): Generator<Sequence> {
    return this.#turns.heads();
  }

  /** Takes out who comes next; its caller's turn comes again when the others have had theirs. */
  take(sequence: Sequence): void {
    if (takeOut(this.#preempted, sequence)) return;
    this.#turns.takeFirst((head) => head === sequence);
    this.#forget(sequence);
  }

  /** Takes a sequence out, wherever it stands. Returns whether it was there. */
  remove(sequence: Sequence): boolean {
    if (takeOut(this.#preempted, sequence)) return true;
    if (!this.#turns.remove(sequence, clientOf(sequence))) return false;
    this.#forget(sequence);
    return true;
  }

  #forget(sequence: Sequence): void {
    if (!this.#gaveWay.delete(sequence)) this.#tokens -= sequence.queueTokens;
  }
}

function clientOf({ request }: Sequence): Client {
  return request.client ?? nobody;
}

/** Takes a sequence out of a list. Says whether it was there. */
export function takeOut(list: Sequence[], sequence: Sequence): boolean {
  const index = list.indexOf(sequence);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}
