import type { GenerateEvent } from "../runtime/request.ts";
import { streamResponse, type StreamStyle } from "./answer_stream.ts";
import { endedEarly } from "./chat_answer.ts";
import { type ChatContext, loadingFor, namingPictures } from "./chat_completions.ts";
import { toGenerateRequest } from "./chat_request.ts";
import { clientOf } from "./client_identity.ts";
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
import { typedEvents } from "./sse.ts";
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
  const draft = new ResponseDraft(responseHead(body, runtime.model.id), context.strictOpenai === true);
  // Refusals are thrown by the first step, while a status can still be sent.
  const told = tell(await events.next(), events, draft, exchange);
  if (body.stream === true) {
    const style: StreamStyle = { form: typedEvents, failure: (error) => draft.failure(error) };
    return streamResponse(told, events, exchange, context, headers, style);
  }
  for await (const _ of told);
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
    yield* namingPictures(chat.messages, context.runtime.generate({ ...generation, ...asker }, signal));
  } catch (error) {
    throw rename(error);
  }
}

/** What a stream says of the answer, one event of the API after the other. */
async function* tell(
  first: IteratorResult<GenerateEvent>,
  events: AsyncGenerator<GenerateEvent>,
  draft: ResponseDraft,
  exchange: Exchange,
): AsyncGenerator<unknown> {
  for (let step = first; !step.done && !draft.ended; step = await events.next()) {
    if (step.value.type === "end") exchange.usage = step.value.usage;
    yield* draft.push(step.value);
  }
  if (!draft.ended) throw endedEarly(exchange);
}
