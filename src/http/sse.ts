/** How a stream ended, for the log. */
export type StreamOutcome = "done" | "error" | "client gone" | "client stalled";

export interface EventStreamOptions {
  /** Aborted when nobody needs the rest, or the server gives up; see `describeFailure`. */
  readonly signal: AbortSignal;
  /** Stops what makes the events, because nobody reads them any more. */
  readonly abandon: () => void;
  /** The JSON to send for a failure, or `undefined` when the client has gone and nothing can be sent. */
  readonly describeFailure: (error: unknown) => unknown | undefined;
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
 * Server-sent events: each value of `events` becomes one `data:` line of JSON, then `data: [DONE]`. A failure
 * becomes one last event with the error in it. Nothing is made ahead of the reader: the next event is asked for
 * when the reader wants more bytes, so a stalled client holds back its own answer and fills no memory.
 */
export function eventStream(
  events: AsyncGenerator<unknown>,
  options: EventStreamOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let pending: Promise<IteratorResult<unknown>> | undefined;
  let stall: ReturnType<typeof setTimeout> | undefined;
  let over = false;

  function finish(outcome: StreamOutcome): void {
    if (over) return;
    over = true;
    clearTimeout(stall);
    options.onEnd(outcome);
  }

  async function turn(): Promise<Turn> {
    pending ??= events.next();
    const result = await firstOf(pending, options.signal, options.keepAliveMs);
    if (result.kind !== "idle") pending = undefined;
    return result;
  }

  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      clearTimeout(stall);
      const result = await turn();
      if (over) return;
      const send = (line: string) => controller.enqueue(encoder.encode(line));
      switch (result.kind) {
        case "event":
          send(`data: ${JSON.stringify(result.value)}\n\n`);
          break;
        case "idle":
          send(": keep-alive\n\n");
          break;
        case "end":
          send("data: [DONE]\n\n");
          controller.close();
          return finish("done");
        case "failed": {
          const failure = options.describeFailure(result.error);
          if (failure !== undefined) send(`data: ${JSON.stringify(failure)}\n\n`);
          controller.close();
          return finish(failure === undefined ? "client gone" : "error");
        }
      }
      stall = setTimeout(() => {
        finish("client stalled");
        options.abandon();
        controller.error(new DOMException("The client stopped reading", "AbortError"));
      }, options.stallMs);
    },
    cancel() {
      finish("client gone");
      options.abandon();
    },
  }, { highWaterMark: 0 });
}

/** The next event, or the abort, or the end of patience, whichever comes first. */
function firstOf(
  pending: Promise<IteratorResult<unknown>>,
  signal: AbortSignal,
  patienceMs: number,
): Promise<Turn> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle({ kind: "idle" }), patienceMs);
    const onAbort = () => settle({ kind: "failed", error: signal.reason });
    function settle(turn: Turn): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      resolve(turn);
    }
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    pending.then(
      (result) => settle(result.done ? { kind: "end" } : { kind: "event", value: result.value }),
      (error) => settle({ kind: "failed", error }),
    );
  });
}
