import type { GenerateEvent } from "../runtime/request.ts";
import { describeError, type ErrorBody } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { type EventForm, eventStream, plainEvents } from "./sse.ts";

/** How patient a stream is with its reader; see `EventStreamOptions`. */
export interface StreamPatience {
  readonly keepAliveMs: number;
  readonly stallMs: number;
}

/** What the events of a route look like, and how they tell of a failure. */
export interface StreamStyle {
  readonly form: EventForm;
  readonly failure: (body: ErrorBody) => readonly unknown[];
}

const chatStyle: StreamStyle = { form: plainEvents, failure: (body) => [body] };

/**
 * The response that streams `chunks`, and with its end ends `events`, which they are made of, and the exchange.
 *
 * @param headers what the response has beside those of a stream
 */
export function streamResponse(
  chunks: AsyncGenerator<unknown>,
  events: AsyncGenerator<GenerateEvent>,
  exchange: Exchange,
  { keepAliveMs, stallMs }: StreamPatience,
  headers: Headers,
  style = chatStyle,
): Response {
  headers.set("content-type", "text/event-stream; charset=utf-8");
  headers.set("cache-control", "no-cache, no-transform");
  headers.set("x-accel-buffering", "no");
  const stream = eventStream(chunks, {
    signal: exchange.signal,
    abandon: () => exchange.abandon(),
    form: style.form,
    describeFailure(error) {
      if (exchange.clientGone) return undefined;
      const described = describeError(error);
      exchange.refusal = described.body.error;
      if (described.internal) exchange.report(error);
      return style.failure(described.body);
    },
    onEnd(outcome) {
      // Ends the sequence also when the stream was dropped before its first byte. A failure here has been told.
      events.return(undefined).catch(() => {});
      exchange.end(200, outcome === "done" ? undefined : outcome);
    },
    keepAliveMs,
    stallMs,
  });
  return new Response(stream, { headers });
}
