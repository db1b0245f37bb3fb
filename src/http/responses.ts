import type { GenerateEvent } from "../runtime/request.ts";
import { type AnswerWriter, streamResponse } from "./answer_stream.ts";
import { endedEarly } from "./chat_answer.ts";
import { type ChatContext, loadingFor } from "./chat_completions.ts";
import { namePictureField, toGenerateRequest } from "./chat_request.ts";
import { clientOf } from "./client_identity.ts";
import type { ErrorBody } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { tellIgnored } from "./fields_without_effect.ts";
import { readJsonObject } from "./json_body.ts";
import { checkModel } from "./models.ts";
import { ResponseDraft } from "./responses_draft.ts";
import { ignoredResponsesFields, refuseResponsesFields } from "./responses_fields.ts";
import { responseHead } from "./responses_head.ts";
import { type AsChat, asChat } from "./responses_request.ts";
import { responsesSchema } from "./responses_schema.ts";
import { chatSchema } from "./schemas.ts";
import { typedEvent } from "./sse.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { parseWith } from "./validation.ts";

/**
 * `POST /v1/responses`, as far as it can be had without keeping anything between requests. A request that cannot be
 * served fails before the first byte of a stream.
 */
export async function responses(exchange: Exchange, context: ChatContext): Promise<Response> {
  const { runtime } = context;
  const raw = await readJsonObject(exchange, context.uploadMs);
  refuseResponsesFields(raw);
  const body = parseWith(responsesSchema, raw);
  const headers = tellIgnored(ignoredResponsesFields(raw, body), context.strict, exchange);
  checkModel(body.model, runtime);

  exchange.keepOpen();
  const events = answering(asChat(body), exchange, context);
  // Refusals are thrown by the first step, while a status can still be sent.
  const first = await events.next();
  const draft = new ResponseDraft(responseHead(body, runtime.model.id), context.strictOpenai === true);
  const writer = new ResponseWriter(draft, exchange);
  if (body.stream === true) return streamResponse(first, events, writer, exchange, context, headers);
  for (let step = first; !step.done && !writer.complete; step = await events.next()) writer.write(step.value);
  writer.end();
  return Response.json(draft.body, { headers });
}

/** The runtime's answer to a request; errors name its own fields. */
async function* answering(
  { body, printedTools, rename }: AsChat,
  exchange: Exchange,
  context: ChatContext,
): AsyncGenerator<GenerateEvent> {
  const { signal } = exchange;
  try {
    const chat = parseWith(chatSchema, body);
    refuseUnsupported(body);
    const asker = { client: clientOf(exchange, chat.user), cacheSalt: exchange.key };
    const generation = await toGenerateRequest(chat, printedTools, loadingFor(asker.client, context), signal);
    const events = context.runtime.generate({ ...generation, ...asker }, signal);
    try {
      yield* events;
    } catch (error) {
      throw namePictureField(error, chat.messages);
    }
  } catch (error) {
    throw rename(error);
  }
}

/** Writes what a stream says of the answer, one event of the API after the other. */
class ResponseWriter implements AnswerWriter {
  readonly #draft: ResponseDraft;
  readonly #exchange: Exchange;

  constructor(draft: ResponseDraft, exchange: Exchange) {
    this.#draft = draft;
    this.#exchange = exchange;
  }

  get complete(): boolean {
    return this.#draft.ended;
  }

  write(event: GenerateEvent): string {
    if (event.type === "end") this.#exchange.usage = event.usage;
    return this.#draft.push(event).map(typedEvent).join("");
  }

  end(): string {
    if (!this.complete) throw endedEarly(this.#exchange);
    return "";
  }

  failure(body: ErrorBody): string {
    return this.#draft.failure(body).map(typedEvent).join("");
  }
}
