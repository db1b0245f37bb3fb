import { usageExtension } from "./response_schemas.ts";
import { metadata, textFormat, toolChoice } from "./responses_schema.ts";
import { z } from "./zod.ts";

/** What `/v1/responses` answers with, as it is published in `openapi.json` and as the tests hold the server to it. */

const unixTime = z.int().min(0);
const count = z.int().min(0);
const status = z.enum(["in_progress", "completed", "incomplete"]);

const tokenLogprob = z.strictObject({
  token: z.string(),
  logprob: z.number().max(0),
  bytes: z.array(z.int().min(0).max(255)),
});
const logprobs = z.array(tokenLogprob.extend({ top_logprobs: z.array(tokenLogprob) }));

const outputText = z.strictObject({
  type: z.literal("output_text"),
  text: z.string(),
  annotations: z.array(z.never()),
  logprobs,
});
const outputItem = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("message"),
    id: z.string(),
    status,
    role: z.literal("assistant"),
    content: z.array(outputText),
  }),
  z.strictObject({
    type: z.literal("function_call"),
    id: z.string(),
    status,
    call_id: z.string(),
    name: z.string(),
    arguments: z.string(),
  }),
]);

const usage = z.strictObject({
  input_tokens: count,
  input_tokens_details: z.strictObject({ cached_tokens: count }),
  output_tokens: count,
  output_tokens_details: z.strictObject({ reasoning_tokens: count }),
  total_tokens: count,
  llamav: usageExtension.optional(),
});

/** `response` */
export const responseResponse = z.strictObject({
  id: z.string(),
  object: z.literal("response"),
  created_at: unixTime,
  completed_at: unixTime.nullable(),
  status: z.enum(["in_progress", "completed", "incomplete", "failed"]),
  error: z.strictObject({ code: z.literal("server_error"), message: z.string() }).nullable(),
  incomplete_details: z.strictObject({ reason: z.literal("max_output_tokens") }).nullable(),
  model: z.string(),
  output: z.array(outputItem),
  usage: usage.nullable(),
  background: z.literal(false),
  instructions: z.string().nullable(),
  max_output_tokens: count.nullable(),
  metadata,
  parallel_tool_calls: z.boolean(),
  previous_response_id: z.null(),
  reasoning: z.strictObject({ effort: z.null(), summary: z.null() }),
  store: z.literal(false),
  temperature: z.number().nullable(),
  top_p: z.number().nullable(),
  text: z.strictObject({ format: textFormat }),
  tool_choice: toolChoice,
  tools: z.array(z.strictObject({
    type: z.literal("function"),
    name: z.string(),
    description: z.string().nullable(),
    parameters: z.record(z.string(), z.unknown()).nullable(),
    strict: z.boolean().nullable(),
  })),
  top_logprobs: count,
  truncation: z.literal("disabled"),
  user: z.string().nullable(),
});

const ofItem = { item_id: z.string(), output_index: count };
const ofPart = { ...ofItem, content_index: count };

const told = {
  "response.created": { response: responseResponse },
  "response.in_progress": { response: responseResponse },
  "response.output_item.added": { output_index: count, item: outputItem },
  "response.content_part.added": { ...ofPart, part: outputText },
  "response.output_text.delta": { ...ofPart, delta: z.string(), logprobs },
  "response.output_text.done": { ...ofPart, text: z.string(), logprobs },
  "response.content_part.done": { ...ofPart, part: outputText },
  "response.function_call_arguments.delta": { ...ofItem, delta: z.string() },
  "response.function_call_arguments.done": { ...ofItem, name: z.string(), arguments: z.string() },
  "response.output_item.done": { output_index: count, item: outputItem },
  "response.completed": { response: responseResponse },
  "response.incomplete": { response: responseResponse },
  error: { code: z.string().nullable(), message: z.string(), param: z.string().nullable() },
  "response.failed": { response: responseResponse },
} as const;

/** An event of a stream: what it tells, its name, and its place from 0 on. */
export const responseEvent = z.union(
  Object.entries(told).map(([type, fields]) =>
    z.strictObject({ type: z.literal(type), sequence_number: count, ...fields })
  ),
);
