import type { GenerateEvent } from "../runtime/request.ts";
import { describeError, type ErrorBody } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { eventStream, type EventWriter } from "./sse.ts";

/** How patient a stream is with its reader; see `EventStreamOptions`. */
export interface StreamPatience {
  readonly keepAliveMs: number;
  readonly stallMs: number;
}

/** Writes what a route's streams say of an answer, and of its failure. */
export interface AnswerWriter extends EventWriter<GenerateEvent> {
  failure(body: ErrorBody): string;
}

/**
 * The response that streams what `writer` makes of `events`, and with its end ends them and the exchange.
 *
 * @param first what `events` gave first
 * @param headers what the response has beside those of a stream
 */
export function streamResponse(
  first: IteratorResult<GenerateEvent>,
  events: AsyncGenerator<GenerateEvent>,
  writer: AnswerWriter,
  exchange: Exchange,
  { keepAliveMs, stallMs }: StreamPatience,
  headers: Headers,
): Response {
  headers.set("content-type", "text/event-stream; charset=utf-8");
  headers.set("cache-control", "no-cache, no-transform");
  headers.set("x-accel-buffering", "no");
  const stream = eventStream(first, events, writer, {
    signal: exchange.signal,
    abandon: () => exchange.abandon(),
    describeFailure(error) {
      if (exchange.clientGone) return undefined;
      const described = describeError(error);
      exchange.refusal = described.body.error;
      if (described.internal) exchange.report(error);
      return writer.failure(described.body);
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
