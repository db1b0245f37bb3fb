import type { LoadPicture } from "../runtime/pictures.ts";
import type { GenerateEvent, Runtime } from "../runtime/request.ts";
import { namePictureField, toGenerateRequest } from "./chat_request.ts";
import { chunk, completion, type Envelope, usageChunk } from "./chat_response.ts";
import { describeError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { readJsonObject } from "./json_body.ts";
import { checkModel } from "./models.ts";
import { type ChatMessage, chatSchema } from "./schemas.ts";
import { eventStream } from "./sse.ts";
import { ignoredFields, refuseUnsupported } from "./unsupported.ts";
import { parseWith } from "./validation.ts";

export interface ChatContext {
  readonly runtime: Runtime;
  readonly loadPicture: LoadPicture;
  readonly keepAliveMs: number;
  readonly stallMs: number;
  readonly uploadMs: number;
}

/** `POST /v1/chat/completions`. A request that cannot be served fails before the first byte of a stream. */
export async function chatCompletions(exchange: Exchange, context: ChatContext): Promise<Response> {
  const raw = await readJsonObject(exchange.request, exchange.signal, context.uploadMs);
  const body = parseWith(chatSchema, raw);
  refuseUnsupported(raw, body);
  checkModel(body.model, context.runtime);
  const tools = raw["tools"] as readonly unknown[] | undefined;

  exchange.keepOpen();
  const request = await toGenerateRequest(body, tools, context.loadPicture, exchange.signal);
  const events = namingPictures(body.messages, context.runtime.generate(request, exchange.signal));
  const envelope: Envelope = {
    id: `chatcmpl-${crypto.randomUUID().replaceAll("-", "")}`,
    created: Math.floor(Date.now() / 1000),
    model: context.runtime.model.id,
  };
  const ignored = ignoredFields(raw, body);
  const headers: Record<string, string> = ignored === "" ? {} : { "x-llamav-ignored": ignored };
  if (body.stream !== true) return Response.json(await whole(events, envelope, exchange), { headers });

  // Refusals are thrown by the first step, while a status can still be sent.
  const first = await events.next();
  const chunks = chunksOf(first, events, envelope, exchange, body.stream_options?.include_usage === true);
  return new Response(streamOf(chunks, events, exchange, context), {
    headers: {
      ...headers,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    },
  });
}

async function* namingPictures(
  messages: readonly ChatMessage[],
  events: AsyncGenerator<GenerateEvent>,
): AsyncGenerator<GenerateEvent> {
  try {
    yield* events;
  } catch (error) {
    throw namePictureField(error, messages);
  }
}

async function whole(
  events: AsyncGenerator<GenerateEvent>,
  envelope: Envelope,
  exchange: Exchange,
): Promise<unknown> {
  let text = "";
  for await (const event of events) {
    if (event.type === "text") text += event.text;
    if (event.type !== "end") continue;
    exchange.usage = event.usage;
    return completion(envelope, text, event.finishReason, event.usage);
  }
  exchange.signal.throwIfAborted();
  throw new Error("The runtime ended an answer without an end event");
}

async function* chunksOf(
  first: IteratorResult<GenerateEvent>,
  events: AsyncGenerator<GenerateEvent>,
  envelope: Envelope,
  exchange: Exchange,
  withUsage: boolean,
): AsyncGenerator<unknown> {
  for (let step = first; !step.done; step = await events.next()) {
    const event = step.value;
    switch (event.type) {
      case "start":
        yield chunk(envelope, { role: "assistant", content: "" }, null, withUsage);
        break;
      case "text":
        yield chunk(envelope, { content: event.text }, null, withUsage);
        break;
      case "end":
        exchange.usage = event.usage;
        yield chunk(envelope, {}, event.finishReason, withUsage);
        if (withUsage) yield usageChunk(envelope, event.usage);
        return;
    }
  }
  exchange.signal.throwIfAborted();
  throw new Error("The runtime ended an answer without an end event");
}

function streamOf(
  chunks: AsyncGenerator<unknown>,
  events: AsyncGenerator<GenerateEvent>,
  exchange: Exchange,
  context: ChatContext,
): ReadableStream {
  return eventStream(chunks, {
    signal: exchange.signal,
    abandon: () => exchange.abandon(),
    describeFailure(error) {
      if (exchange.clientGone) return undefined;
      const described = describeError(error);
      if (described.internal) exchange.report(error);
      return described.body;
    },
    onEnd(outcome) {
      // Ends the sequence also when the stream was dropped before its first byte. A failure here has been told.
      events.return(undefined).catch(() => {});
      exchange.end(outcome === "done" ? 200 : `200 (${outcome})`);
    },
    keepAliveMs: context.keepAliveMs,
    stallMs: context.stallMs,
  });
}
