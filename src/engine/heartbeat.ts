/** How often the engine's thread is asked for a sign of life, in ms. */
const askMs = 5000;

/**
 * Whether the engine's thread is there. It is asked every few seconds, and answers between two steps; everything else
 * that it says is an answer, too. A thread that hangs in a driver never comes back to its messages.
 */
export class Heartbeat {
  readonly #ask: () => void;
  readonly #now: () => number;
  readonly #timer: ReturnType<typeof setInterval>;
  #askedAt: number | undefined;

  /**
   * @param ask sends a question, or does nothing while there is nobody to answer it
   * @param now a clock in ms
   */
  constructor(ask: () => void, everyMs = askMs, now: () => number = () => performance.now()) {
    this.#ask = ask;
    this.#now = now;
    this.#timer = setInterval(() => this.#beat(), everyMs);
    this.#timer.unref(); // it is no reason for the process to go on
  }

  /** For how long a question has had no answer, in ms; 0 where none is open. */
  get silentMs(): number {
    return this.#askedAt === undefined ? 0 : this.#now() - this.#askedAt;
  }

  /** The thread has said something, or is a new one. */
  heard(): void {
    this.#askedAt = undefined;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.heard();
  }

  #beat(): void {
    if (this.#askedAt !== undefined) return;
    this.#askedAt = this.#now();
    this.#ask();
  }
}
