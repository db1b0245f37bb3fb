import { limits } from "./limits.ts";
import { samplingFields } from "./sampling_fields.ts";
import { orText } from "./short_forms.ts";
import { toolChoiceSchema } from "./tool_choice.ts";
import { z } from "./zod.ts";

/** A text, which stands for a list with one part of type `textType`, or a list of parts; clients send both. */
export function contentOf<T extends z.ZodType>(part: T, textType = "text") {
  return orText(z.array(part).min(1), (text) => [{ type: textType, text }]);
}

const textPart = z.object({ type: z.literal("text"), text: z.string() });
const refusalPart = z.object({ type: z.literal("refusal"), refusal: z.string() });
const imagePart = z.object({
  type: z.literal("image_url"),
  // Some clients send the address alone.
  image_url: orText(
    z.object({ url: z.string().min(1), detail: z.enum(["auto", "low", "high"]).nullish() }),
    (url) => ({ url }),
  ),
});

const textOnly = contentOf(
  z.discriminatedUnion("type", [textPart], {
    error: 'must be "text": pictures belong into user messages',
  }),
);
const userContent = contentOf(
  z.discriminatedUnion("type", [textPart, imagePart], {
    error: 'must be "text" or "image_url": this model reads neither audio nor files',
  }),
);
const assistantContent = contentOf(
  z.discriminatedUnion("type", [textPart, refusalPart], { error: 'must be "text" or "refusal"' }),
);

export const toolName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, {
  error: "must be 1 to 64 letters, digits, underscores or dashes",
});

const toolCall = z.object({
  id: z.string().nullish(),
  type: z.literal("function").nullish(),
  function: z.object({ name: toolName, arguments: z.string() }),
});

const message = z.discriminatedUnion("role", [
  z.object({ role: z.literal(["system", "developer"]), content: textOnly }),
  z.object({ role: z.literal("user"), content: userContent }),
  z.object({
    role: z.literal("assistant"),
    content: assistantContent.nullish(),
    tool_calls: z.array(toolCall).nullish(),
  }),
  z.object({ role: z.literal("tool"), content: textOnly, tool_call_id: z.string() }),
  z.object({ role: z.literal("function"), content: textOnly, name: z.string() }),
], { error: "must be developer, system, user, assistant, tool or function" });

const tool = z.object({
  type: z.literal("function"),
  function: z.object({
    name: toolName,
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
    strict: z.boolean().nullish(),
  }),
});

/**
 * The body of `POST /v1/chat/completions`: the fields that this server acts on. What else a client sends is listed
 * in the answer's `x-llamav-ignored` header, or refused where ignoring it would give a wrong answer
 * (`unsupported.ts`).
 */
export const chatSchema = z.object({
  model: z.string().min(1),
  messages: z.array(message).min(1).max(limits.messages),
  ...samplingFields,
  max_completion_tokens: samplingFields.max_tokens,
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  tools: z.array(tool).max(limits.tools).nullish(),
  tool_choice: toolChoiceSchema.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  chat_template_kwargs: z.strictObject({
    // Printed by the template as it is, among control tokens: only what a date needs.
    date_string: z.string().regex(/^[\p{L}\p{N} ,./:-]{1,40}$/u, { error: "must be a date" }).nullish(),
    tools_in_user_message: z.boolean().nullish(),
  }).nullish(),
});

export type ChatBody = z.output<typeof chatSchema>;
export type ChatMessage = ChatBody["messages"][number];
