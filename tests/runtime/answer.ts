import { unpackEvents } from "../../src/engine/packed_events.ts";
import type { GenerateEvent, GenerateRequest, Runtime, Usage } from "../../src/runtime/request.ts";
import type { SeenWorker } from "../engine/worker_spy.ts";

/** An answer, whole. */
export interface Answer {
  readonly events: GenerateEvent[];
  /** Text of every `text` event. */
  readonly pieces: string[];
  readonly text: string;
  readonly finishReason: string;
  readonly usage: Usage;
  /** Ids that came from the engine, whether they are part of the answer or not. */
  readonly ids: number[];
}

/** Reads all that a request gives; `received` and `sent` are those of the runtime's engine. */
export async function answerOf(
  runtime: Runtime,
  { received, sent }: SeenWorker,
  request: GenerateRequest,
  signal?: AbortSignal,
): Promise<Answer> {
  const events = await Array.fromAsync(runtime.generate(request, signal));
  const pieces = events.flatMap((event) => event.type === "text" ? [event.text] : []);
  const last = events.at(-1)!;
  if (last.type !== "end") throw new Error(`The last event is ${last.type}`);
  const { id } = sent.findLast((message) => message.type === "add")!.request;
  const tokens = received.flatMap((message) => message.type === "events" ? unpackEvents(message.events) : [])
    .filter((event) => event.type === "token" && event.id === id);
  const ids = tokens.flatMap((event) => event.type === "token" ? [event.token] : []);
  return { events, pieces, text: pieces.join(""), finishReason: last.finishReason, usage: last.usage, ids };
}
