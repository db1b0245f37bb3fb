import { RequestError } from "../base/errors.ts";
import type { Conversation, Runtime } from "../runtime/request.ts";
import { toGenerateRequest } from "./chat_request.ts";
import { clientOf } from "./client_identity.ts";
import type { Exchange } from "./exchange.ts";
import { droppedFields, tellIgnored } from "./fields_without_effect.ts";
import { readJsonObject } from "./json_body.ts";
import { limits } from "./limits.ts";
import { checkModel } from "./models.ts";
import { chatSchema } from "./schemas.ts";
import { parseWith } from "./validation.ts";
import { z } from "./zod.ts";

/** What the routes that answer without asking the model need. */
export interface TextContext {
  readonly runtime: Runtime;
  readonly uploadMs: number;
  readonly strict?: boolean;
}

const chat = chatSchema.shape;
const conversationFields = {
  model: chat.model.nullish(),
  messages: chat.messages,
  tools: chat.tools,
  chat_template_kwargs: chat.chat_template_kwargs,
  add_generation_prompt: z.boolean().nullish(),
};

/** The body of `POST /apply-template`. */
export const templateSchema = z.object(conversationFields);

/** The body of `POST /tokenize`: a plain text, or a conversation. */
export const tokenizeSchema = z.object({
  ...conversationFields,
  messages: chat.messages.nullish(),
  prompt: z.string().nullish(),
  add_special_tokens: z.boolean().nullish(),
});

/** The body of `POST /detokenize`. */
export const detokenizeSchema = z.object({
  model: chat.model.nullish(),
  tokens: z.array(z.int().min(0)).max(limits.jsonValues),
});

/** `POST /tokenize`: ids of a text, or of a conversation as the model sees it. Pictures are not fetched. */
export async function tokenize(exchange: Exchange, context: TextContext): Promise<Response> {
  const { raw, body, headers } = await readBody(exchange, context, tokenizeSchema);
  const { texts, model } = context.runtime;
  const { prompt, messages } = body;
  if (typeof prompt === "string" === Array.isArray(messages)) {
    throw new RequestError('The body must have either "prompt" or "messages"', {
      param: "prompt",
      code: "invalid_value",
    });
  }
  const { signal } = exchange;
  const tokens = typeof prompt === "string"
    ? await texts.tokenize(prompt.toWellFormed(), body.add_special_tokens ?? true, {
      client: clientOf(exchange),
      signal,
    })
    : await texts.tokenizeConversation(
      await conversationOf(raw, body.add_generation_prompt, exchange),
      signal,
    );
  return Response.json({ tokens, count: tokens.length, max_model_len: model.contextLength }, { headers });
}

/** `POST /detokenize`: the text of ids, control tokens by their names. */
export async function detokenize(exchange: Exchange, context: TextContext): Promise<Response> {
  const { body, headers } = await readBody(exchange, context, detokenizeSchema);
  return Response.json({ prompt: context.runtime.texts.detokenize(body.tokens) }, { headers });
}

/** `POST /apply-template`: the text that the model sees of a conversation. */
export async function applyTemplate(exchange: Exchange, context: TextContext): Promise<Response> {
  const { raw, body, headers } = await readBody(exchange, context, templateSchema);
  const conversation = await conversationOf(raw, body.add_generation_prompt, exchange);
  return Response.json({ prompt: context.runtime.texts.applyTemplate(conversation) }, { headers });
}

/** The body as it came and as it was parsed, and headers for the answer to it. */
async function readBody<T extends { model?: string | null }>(
  exchange: Exchange,
  { runtime, uploadMs, strict }: TextContext,
  schema: z.ZodType<T>,
): Promise<{ raw: Readonly<Record<string, unknown>>; body: T; headers: Headers }> {
  const raw = await readJsonObject(exchange, uploadMs);
  const body = parseWith(schema, raw);
  // What the functions hold is printed as it is.
  const { tools: _, ...dropping } = raw;
  const headers = tellIgnored(droppedFields(dropping, body), strict, exchange);
  if (body.model) checkModel(body.model, runtime);
  return { raw, body, headers };
}

/** By the way of a chat request, so that both lay out the same text. */
async function conversationOf(
  { messages, tools, chat_template_kwargs }: Readonly<Record<string, unknown>>,
  addGenerationPrompt: boolean | null | undefined,
  exchange: Exchange,
): Promise<Conversation> {
  const { signal } = exchange;
  const body = parseWith(chatSchema, { model: "default", messages, tools, chat_template_kwargs });
  const nothing = () => Promise.resolve(new Uint8Array(0));
  // The body's own list: parsing has dropped the fields that it does not know, and the template prints them all.
  const request = await toGenerateRequest(body, body.tools ? tools as unknown[] : undefined, nothing, signal);
  return {
    messages: request.messages,
    tools: request.tools,
    toolsInUserMessage: request.toolsInUserMessage,
    dateString: request.dateString,
    client: clientOf(exchange),
    addGenerationPrompt: addGenerationPrompt ?? true,
  };
}
