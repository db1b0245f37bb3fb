import { newId } from "../base/ids.ts";
import type { LoadPicture } from "../runtime/pictures.ts";
import type { GenerateEvent, Runtime } from "../runtime/request.ts";
import { streamResponse } from "./answer_stream.ts";
import { type Answering, chunksOf, wholeAnswer } from "./chat_answer.ts";
import { namePictureField, toGenerateRequest } from "./chat_request.ts";
import { clientOf } from "./client_identity.ts";
import type { Exchange } from "./exchange.ts";
import { tellIgnored } from "./fields_without_effect.ts";
import { readJsonObject } from "./json_body.ts";
import { checkModel } from "./models.ts";
import { type ChatMessage, chatSchema } from "./schemas.ts";
import { ignoredFields, refuseUnsupported } from "./unsupported.ts";
import { parseWith } from "./validation.ts";

export interface ChatContext {
  readonly runtime: Runtime;
  readonly loadPicture: LoadPicture;
  readonly keepAliveMs: number;
  readonly stallMs: number;
  readonly uploadMs: number;
  /** Refuse fields that the API does not have, instead of listing them in a header. */
  readonly strict?: boolean;
  /** Answer with nothing that OpenAI's API does not have. */
  readonly strictOpenai?: boolean;
}

/** `POST /v1/chat/completions`. A request that cannot be served fails before the first byte of a stream. */
export async function chatCompletions(exchange: Exchange, context: ChatContext): Promise<Response> {
  const { request, signal } = exchange;
  const raw = await readJsonObject(request, signal, context.uploadMs);
  const body = parseWith(chatSchema, raw);
  refuseUnsupported(raw);
  const ignored = tellIgnored(ignoredFields(raw, body), context.strict === true, exchange);
  checkModel(body.model, context.runtime);
  const tools = raw["tools"] as readonly unknown[] | undefined;

  exchange.keepOpen();
  const generation = await toGenerateRequest(body, tools, context.loadPicture, signal);
  const client = clientOf(exchange, body.user);
  const events = namingPictures(body.messages, context.runtime.generate({ ...generation, client }, signal));
  const answer: Answering = {
    exchange,
    envelope: {
      id: newId("chatcmpl-"),
      created: Math.floor(Date.now() / 1000),
      model: context.runtime.model.id,
    },
    choices: body.n ?? 1,
    callable: generation.toolChoice !== undefined,
    logprobs: body.logprobs === true,
    usage: body.stream_options?.include_usage
      ? (body.stream_options.continuous_usage_stats ? "always" : "at the end")
      : "never",
    strictOpenai: context.strictOpenai === true,
  };
  const headers = new Headers();
  if (ignored !== "") headers.set("x-llamav-ignored", ignored);
  if (body.stream !== true) return Response.json(await wholeAnswer(events, answer), { headers });

  // Refusals are thrown by the first step, while a status can still be sent.
  const first = await events.next();
  const chunks = chunksOf(first, events, answer);
  return streamResponse(chunks, events, exchange, context, headers);
}

export async function* namingPictures(
  messages: readonly ChatMessage[],
  events: AsyncGenerator<GenerateEvent>,
): AsyncGenerator<GenerateEvent> {
  try {
    yield* events;
  } catch (error) {
    throw namePictureField(error, messages);
  }
}
