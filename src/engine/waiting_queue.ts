import type { Sequence } from "./sequence.ts";

/**
 * Sequences that wait to be admitted. Each client's wait in the order of their arrival, and clients take turns: one
 * that sends a hundred requests at once delays nobody by more than one of them. Sequences that had to give up their
 * place stand before all.
 */
export class WaitingQueue {
  readonly #preempted: Sequence[] = []; // first to come back first
  readonly #clients = new Map<string, Sequence[]>(); // insertion order = whose turn it is
  #requests = 0;
  #tokens = 0;

  get count(): number {
    return this.#requests + this.#preempted.length;
  }

  /** Requests that were never admitted, and the tokens that they count for. */
  get requestCount(): number {
    return this.#requests;
  }

  get tokens(): number {
    return this.#tokens;
  }

  add(sequence: Sequence): void {
    const client = sequence.request.client ?? "";
    const own = this.#clients.get(client);
    if (own) own.push(sequence);
    else this.#clients.set(client, [sequence]);
    this.#requests++;
    this.#tokens += sequence.queueTokens;
  }

  /** Puts a sequence that was running before all others, those included that were put there before it. */
  putBack(sequence: Sequence): void {
    this.#preempted.unshift(sequence);
  }

  /** The one whose turn it is. */
  first(): Sequence | undefined {
    if (this.#preempted.length > 0) return this.#preempted[0];
    for (const own of this.#clients.values()) return own[0];
    return undefined;
  }

  /** Takes `first()` out; its client's turn comes again when the others have had theirs. */
  takeFirst(): void {
    if (this.#preempted.shift()) return;
    for (const [client, own] of this.#clients) {
      this.#left(own.shift()!);
      this.#clients.delete(client);
      if (own.length > 0) this.#clients.set(client, own);
      return;
    }
  }

  /** Takes a sequence out, wherever it stands. Returns whether it was there. */
  remove(sequence: Sequence): boolean {
    if (takeOut(this.#preempted, sequence)) return true;
    const client = sequence.request.client ?? "";
    const own = this.#clients.get(client);
    if (!own || !takeOut(own, sequence)) return false;
    if (own.length === 0) this.#clients.delete(client);
    this.#left(sequence);
    return true;
  }

  #left({ queueTokens }: Sequence): void {
    this.#requests--;
    this.#tokens -= queueTokens;
  }
}

/** Takes a sequence out of a list. Says whether it was there. */
export function takeOut(list: Sequence[], sequence: Sequence): boolean {
  const index = list.indexOf(sequence);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}
