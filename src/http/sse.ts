import { assert } from "../base/assert.ts";
import { Deadline } from "./deadline.ts";

/** How a stream ended, for the log. */
export type StreamOutcome = "done" | "error" | "client gone" | "client stalled";

/** One event without a name. */
export function plainEvent(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/**
 * `plainEvent` for values that differ in one text alone: what stands around it is serialized once.
 *
 * @param value holds `key`, once, with an empty text
 * @returns the event with another text in its place
 */
export function plainEventAround(value: unknown, key: string): (text: string) => string {
  // In JSON no text can look like it: its quotes would be escaped.
  const parts = plainEvent(value).split(`"${key}":""`);
  assert(parts.length === 2, `the value holds an empty "${key}" ${parts.length - 1} times`);
  const [before, after] = [`${parts[0]}"${key}":`, parts[1]];
  return (text) => before + JSON.stringify(text) + after;
}

/** One event that has the name that its value has for a type. */
export function typedEvent(value: { readonly type: string }): string {
  return `event: ${value.type}\n${plainEvent(value)}`;
}

/** Behind the last of the events without names, and no JSON. */
export const lastPlainEvent = "data: [DONE]\n\n";

/** Writes events as what a stream says of them: each as none, one or several server-sent events. */
export interface EventWriter<T> {
  /** Nothing that may come would be written any more. */
  readonly complete: boolean;
  write(event: T): string;
  /**
   * What stands behind the last event.
   *
   * @throws If there should have been more of them.
   */
  end(): string;
}

export interface EventStreamOptions {
  /** Aborted when nobody needs the rest, or the server gives up; see `describeFailure`. */
  readonly signal: AbortSignal;
  /** Stops what makes the events, because nobody reads them any more. */
  readonly abandon: () => void;
  /** What to send last for a failure, or `undefined` when the client has gone and nothing can be sent. */
  readonly describeFailure: (error: unknown) => string | undefined;
  readonly onEnd: (outcome: StreamOutcome) => void;
  /** Silence after which a comment is sent, so that proxies and clients see the connection is alive. */
  readonly keepAliveMs: number;
  /** A reader that takes nothing for this long is given up. */
  readonly stallMs: number;
}

/**
 * Server-sent events: what `writer` makes of each value of `events` is one write to the connection. A failure becomes
 * the last events, which tell of it. While the connection takes no more, no event is asked for: a stalled client holds
 * back its own answer and fills no memory.
 *
 * @param first what `events` gave first
 */
export function eventStream<T>(
  first: IteratorResult<T>,
  events: AsyncGenerator<T>,
  writer: EventWriter<T>,
  options: EventStreamOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let connection: EventConnection | undefined;
  const source: Bun.DirectUnderlyingSource = {
    // Bun's own kind of stream: what is written goes to the socket at once, and no queue is filled and emptied again.
    type: "direct",
    pull(sink) {
      if (!connection) {
        connection = new EventConnection(sink, options);
        void connection.run(first, events, writer);
      }
      return connection.closed;
    },
    cancel() {
      if (connection) return connection.leave();
      options.onEnd("client gone");
      options.abandon();
    },
  };
  // One byte that nobody has taken is enough to wait: 0 would stand for 64 kB.
  return new ReadableStream(source as unknown as UnderlyingDefaultSource, { highWaterMark: 1 });
}

/** A stream that somebody reads. */
class EventConnection {
  readonly #sink: ReadableStreamDirectController;
  readonly #options: EventStreamOptions;
  readonly #deadline = new Deadline();
  readonly #closed = Promise.withResolvers<void>();
  #over = false;

  constructor(sink: ReadableStreamDirectController, options: EventStreamOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  /** Kept when everything is written, rejected when the connection is to be cut. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  async run<T>(first: IteratorResult<T>, events: AsyncGenerator<T>, writer: EventWriter<T>): Promise<void> {
    const { signal } = this.#options;
    if (signal.aborted) return this.#onAbort();
    signal.addEventListener("abort", this.#onAbort, { once: true });
    try {
      for (let step = first; !this.#over && !step.done && !writer.complete; step = await events.next()) {
        const taken = this.#send(writer.write(step.value));
        if (taken) await taken;
      }
      if (!this.#over) this.#close("done", writer.end());
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The client has closed the connection. */
  leave(): void {
    if (this.#over) return;
    this.#finish("client gone");
    this.#options.abandon();
    this.#closed.resolve();
  }

  /** Writes, and where the reader must take something first gives a promise that is kept when it has. */
  #send(text: string): Promise<void> | undefined {
    this.#deadline.set(this.#options.keepAliveMs, this.#keepAlive);
    if (text === "") return;
    const written = this.#sink.write(text);
    if (written instanceof Promise) return this.#untilTaken(written);
    void this.#sink.flush();
  }

  async #untilTaken(written: Promise<unknown>): Promise<void> {
    this.#deadline.set(this.#options.stallMs, this.#giveUp);
    await written;
    if (!this.#over) this.#deadline.set(this.#options.keepAliveMs, this.#keepAlive);
  }

  readonly #keepAlive = () => void this.#send(": keep-alive\n\n");

  readonly #onAbort = () => this.#fail(this.#options.signal.reason);

  readonly #giveUp = () => {
    this.#finish("client stalled");
    this.#options.abandon();
    this.#closed.reject(new DOMException("The client stopped reading", "AbortError"));
  };

  #fail(error: unknown): void {
    if (this.#over) return;
    const failure = this.#options.describeFailure(error);
    this.#close(failure === undefined ? "client gone" : "error", failure ?? "");
  }

  /** The last words, and the end of the answer. */
  #close(outcome: StreamOutcome, text: string): void {
    void this.#send(text);
    this.#finish(outcome);
    void this.#sink.end();
    this.#closed.resolve();
  }

  #finish(outcome: StreamOutcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#deadline.end();
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#options.onEnd(outcome);
  }
}
