/** Events on their way to one reader. Whoever fills it sees to it that it stays small. */
export class Inbox<T> {
  readonly #events: T[] = [];
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(event: T): void {
    this.#events.push(event);
    this.#wake?.();
  }

  /** Nothing comes after what is here already. The first call counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  /** The next event; a failure comes after the events before it. */
  async next(): Promise<T> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      if (this.#failure) throw this.#failure.error;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}
