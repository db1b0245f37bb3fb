/** Events on their way to one reader. Whoever fills it sees to it that it stays small. */
export class Inbox<T> {
  readonly #events: T[] = [];
  #failure: { readonly error: unknown } | undefined;
  /** The reader, when it waits: then there are no events. */
  #reader: { resolve(event: T): void; reject(error: unknown): void } | undefined;

  push(event: T): void {
    const reader = this.#reader;
    if (!reader) return void this.#events.push(event);
    this.#reader = undefined;
    reader.resolve(event);
  }

  /** Nothing comes after what is here already. The first call counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#reader?.reject(this.#failure.error);
    this.#reader = undefined;
  }

  /** The next event; a failure comes after the events before it. */
  next(): Promise<T> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve(event);
    if (this.#failure) return Promise.reject(this.#failure.error);
    return new Promise((resolve, reject) => this.#reader = { resolve, reject });
  }
}
