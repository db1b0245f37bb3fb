import { Deadline } from "./deadline.ts";

/** How a stream ended, for the log. */
export type StreamOutcome = "done" | "error" | "client gone" | "client stalled";

/** How values are written into a stream. */
export interface EventForm {
  /** The lines of one event, with the empty line that ends it. */
  write(value: unknown): string;
  /** What stands behind the last event of a stream that is complete. */
  readonly end: string;
}

/** Events without a name, and a last one that is no JSON. */
export const plainEvents: EventForm = {
  write: (value) => `data: ${JSON.stringify(value)}\n\n`,
  end: "data: [DONE]\n\n",
};

/** Each event has the name that its value has for a type; the last one is known by it. */
export const typedEvents: EventForm = {
  write: (value) => `event: ${(value as { type: string }).type}\n${plainEvents.write(value)}`,
  end: "",
};

export interface EventStreamOptions {
  /** Aborted when nobody needs the rest, or the server gives up; see `describeFailure`. */
  readonly signal: AbortSignal;
  /** Stops what makes the events, because nobody reads them any more. */
  readonly abandon: () => void;
  readonly form: EventForm;
  /** The last values to send for a failure, or `undefined` when the client has gone and nothing can be sent. */
  readonly describeFailure: (error: unknown) => readonly unknown[] | undefined;
  readonly onEnd: (outcome: StreamOutcome) => void;
  /** Silence after which a comment is sent, so that proxies and clients see the connection is alive. */
  readonly keepAliveMs: number;
  /** A reader that takes nothing for this long is given up. */
  readonly stallMs: number;
}

type Turn = { kind: "event"; value: unknown } | { kind: "end" } | { kind: "idle" } | {
  kind: "failed";
  error: unknown;
};

/**
 * Server-sent events: each value of `events` becomes one event, in the form that is asked for. A failure becomes the
 * last events, which tell of it. Nothing is made ahead of the reader: the next event is asked for when the reader wants
 * more bytes, so a stalled client holds back its own answer and fills no memory.
 */
export function eventStream(
  events: AsyncGenerator<unknown>,
  options: EventStreamOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { signal } = options;
  const encoder = new TextEncoder();
  const deadline = new Deadline();
  let pending: Promise<Turn> | undefined;
  let settle = (_: Turn) => {};
  let over = false;

  // One listener and one timer for all events: at hundreds of streams they would cost more than the events.
  const onAbort = () => settle({ kind: "failed", error: signal.reason });
  signal.addEventListener("abort", onAbort, { once: true });

  function finish(outcome: StreamOutcome): void {
    if (over) return;
    over = true;
    deadline.end();
    signal.removeEventListener("abort", onAbort);
    options.onEnd(outcome);
  }

  /** The next event, or the abort, or the end of patience, whichever comes first. */
  function turn(): Promise<Turn> {
    return new Promise((resolve) => {
      settle = resolve;
      if (signal.aborted) return onAbort();
      deadline.set(options.keepAliveMs, () => resolve({ kind: "idle" }));
      pending ??= turnOf(events.next());
      pending.then(resolve);
    });
  }

  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const result = await turn();
      if (over) return;
      if (result.kind !== "idle") pending = undefined;
      const send = (line: string) => controller.enqueue(encoder.encode(line));
      switch (result.kind) {
        case "event":
          send(options.form.write(result.value));
          break;
        case "idle":
          send(": keep-alive\n\n");
          break;
        case "end":
          if (options.form.end !== "") send(options.form.end);
          controller.close();
          return finish("done");
        case "failed": {
          const failure = options.describeFailure(result.error);
          for (const value of failure ?? []) send(options.form.write(value));
          controller.close();
          return finish(failure === undefined ? "client gone" : "error");
        }
      }
      deadline.set(options.stallMs, () => {
        finish("client stalled");
        options.abandon();
        controller.error(new DOMException("The client stopped reading", "AbortError"));
      });
    },
    cancel() {
      finish("client gone");
      options.abandon();
    },
  }, { highWaterMark: 0 });
}

function turnOf(step: Promise<IteratorResult<unknown>>): Promise<Turn> {
  return step.then(
    ({ done, value }) => done ? { kind: "end" } : { kind: "event", value },
    (error) => ({ kind: "failed", error }),
  );
}
