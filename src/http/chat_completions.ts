import { newId } from "../base/ids.ts";
import type { Client } from "../base/turns.ts";
import type { LoadPicture } from "../runtime/pictures.ts";
import type { Runtime } from "../runtime/request.ts";
import { streamResponse } from "./answer_stream.ts";
import { type Answering, ChatWriter, wholeAnswer } from "./chat_answer.ts";
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
  const { signal } = exchange;
  const raw = await readJsonObject(exchange, context.uploadMs);
  const body = parseWith(chatSchema, raw);
  refuseUnsupported(raw);
  const headers = tellIgnored(ignoredFields(raw, body), context.strict, exchange);
  checkModel(body.model, context.runtime);
  const tools = raw["tools"] as readonly unknown[] | undefined;

  exchange.keepOpen();
  const asker = { client: clientOf(exchange, body.user), cacheSalt: exchange.key };
  const generation = await toGenerateRequest(body, tools, loadingFor(asker.client, context), signal);
  const events = context.runtime.generate({ ...generation, ...asker }, signal);
  // Refusals are thrown by the first step, while a status can still be sent.
  const first = await namingPictures(body.messages, events.next());
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
  if (body.stream !== true) return Response.json(await wholeAnswer(first, events, answer), { headers });
  return streamResponse(first, events, new ChatWriter(answer), exchange, context, headers);
}

/** Fetches take turns as questions do. */
export function loadingFor(client: Client, { loadPicture }: Pick<ChatContext, "loadPicture">): LoadPicture {
  return (url, signal) => loadPicture(url, signal, client);
}

/** The first step of an answer; what it throws of a picture names the picture's field. */
async function namingPictures<T>(messages: readonly ChatMessage[], first: Promise<T>): Promise<T> {
  try {
    return await first;
  } catch (error) {
    throw namePictureField(error, messages);
  }
}
