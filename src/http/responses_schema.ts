import { limits } from "./limits.ts";
import { samplingFields } from "./sampling_fields.ts";
import { contentOf, toolName } from "./schemas.ts";
import { orText } from "./short_forms.ts";
import { toolChoiceOf } from "./tool_choice.ts";
import { z } from "./zod.ts";

const inputText = z.object({ type: z.literal("input_text"), text: z.string() });
const outputText = z.object({ type: z.literal("output_text"), text: z.string() });
const refusal = z.object({ type: z.literal("refusal"), refusal: z.string() });
const inputImage = z.object({
  type: z.literal("input_image"),
  image_url: z.string().min(1),
  detail: z.enum(["auto", "low", "high"]).nullish(),
});

const textOnly = contentOf(
  z.discriminatedUnion("type", [inputText], {
    error: 'must be "input_text": pictures belong into user messages',
  }),
  "input_text",
);
const userContent = contentOf(
  z.discriminatedUnion("type", [inputText, inputImage], {
    error: 'must be "input_text" or "input_image": this model reads neither audio nor files',
  }),
  "input_text",
);
const assistantContent = contentOf(
  z.discriminatedUnion("type", [outputText, refusal, inputText], {
    error: 'must be "output_text" or "refusal"',
  }),
  "output_text",
);

const messageType = z.literal("message").nullish();
const message = z.discriminatedUnion("role", [
  z.object({ type: messageType, role: z.literal(["system", "developer"]), content: textOnly }),
  z.object({ type: messageType, role: z.literal("user"), content: userContent }),
  z.object({ type: messageType, role: z.literal("assistant"), content: assistantContent }),
], { error: "must be developer, system, user or assistant" });

const functionCall = z.object({
  type: z.literal("function_call"),
  call_id: z.string(),
  name: toolName,
  arguments: z.string(),
});
const functionCallOutput = z.object({
  type: z.literal("function_call_output"),
  call_id: z.string(),
  output: textOnly,
});

const item = z.discriminatedUnion("type", [message, functionCall, functionCallOutput], {
  error:
    'must be "message", "function_call" or "function_call_output": nothing is stored here that an item could ' +
    'refer to (set "store" to false in the client, and it sends whole items)',
});

const functionTool = z.object({
  type: z.literal("function"),
  name: toolName,
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
});
const tool = z.discriminatedUnion("type", [functionTool], {
  error: 'must be "function": this server has no tools of its own',
});

const chosenFunction = z.object({ type: z.literal("function"), name: toolName });
export const toolChoice = toolChoiceOf(
  z.discriminatedUnion("type", [
    chosenFunction,
    z.object({
      type: z.literal("allowed_tools"),
      mode: z.enum(["auto", "required"]),
      tools: z.array(chosenFunction).min(1).max(limits.tools),
    }),
  ]),
);

export const textFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    name: toolName,
    description: z.string().nullish(),
    schema: z.record(z.string(), z.unknown()),
    strict: z.boolean().nullish(),
  }),
], { error: 'must be "text", "json_object" or "json_schema"' });

export const metadata = z.record(z.string(), z.string().max(512)).refine(
  (pairs) =>
    Object.keys(pairs).length <= limits.metadata && Object.keys(pairs).every((key) => key.length <= 64),
  { error: `must have at most ${limits.metadata} keys of at most 64 characters` },
);

// What a chat request has beside the API's own fields is of use here, too.
const { n: _n, max_tokens, stream_options: _options, response_format: _format, ...drawing } = samplingFields;

/**
 * The body of `POST /v1/responses`: the fields that this server acts on, which keeps nothing from one request to the
 * next. What else a client sends is listed or refused, as for a chat request (`responses_fields.ts`).
 */
export const responsesSchema = z.object({
  model: z.string().min(1),
  input: orText(
    z.array(item).min(1).max(limits.messages),
    (content) => [{ type: "message", role: "user", content }],
  ),
  instructions: z.string().nullish(),
  ...drawing,
  // Padding against those who count bytes: none is sent.
  stream_options: z.object({ include_obfuscation: z.boolean().nullish() }).nullish(),
  max_output_tokens: max_tokens,
  include: z.array(z.string()).max(limits.includes).nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  text: z.object({ format: textFormat.nullish() }).nullish(),
  tools: z.array(tool).max(limits.tools).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  metadata: metadata.nullish(),
  store: z.literal(false).nullish(),
});

export type ResponsesBody = z.output<typeof responsesSchema>;
export type ResponsesItem = ResponsesBody["input"][number];
