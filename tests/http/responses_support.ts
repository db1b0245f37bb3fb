import { expect } from "bun:test";
import { responseEvent, responseResponse } from "../../src/http/responses_answer_schemas.ts";
import type { GenerateEvent } from "../../src/runtime/request.ts";
import { fakeUsage } from "../support/fake_runtime.ts";
import { chat, json } from "./support.ts";

/** A request of `/v1/responses`; strings and bytes are sent as they are, everything else as JSON. */
export function ask(body: unknown, init: RequestInit = {}): Request {
  return new Request("http://localhost:8000/v1/responses", chat(body, {}, init));
}

export const question = { model: "tiny", input: "Hi" };

/** The events of an answer that says something, or nothing, and then calls functions. */
export function calls(
  text: string,
  ...functions: readonly [name: string, ...pieces: string[]][]
): GenerateEvent[] {
  const [choice, completionTokens] = [0, 1];
  return [
    { type: "start", promptTokens: fakeUsage.promptTokens, imageTiles: 0 },
    ...text === "" ? [] : [{ type: "text" as const, choice, text, completionTokens }],
    ...functions.flatMap(([name, ...pieces], index): GenerateEvent[] => [
      { type: "tool_call", choice, index, id: `call_${index}`, name, completionTokens },
      ...pieces.map((piece): GenerateEvent => (
        { type: "tool_arguments", choice, index, text: piece, completionTokens }
      )),
    ]),
    { type: "end", choice, finishReason: "tool_calls", usage: fakeUsage },
  ];
}

/** The keys that OpenAI's published schema requires. */
const required = {
  response: [
    "id",
    "object",
    "created_at",
    "error",
    "incomplete_details",
    "instructions",
    "metadata",
    "model",
    "output",
    "parallel_tool_calls",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
  ],
  usage: ["input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details", "total_tokens"],
  message: ["id", "type", "role", "content", "status"],
  function_call: ["type", "call_id", "name", "arguments"],
  output_text: ["type", "text", "annotations"],
  events: {
    "response.created": ["response"],
    "response.in_progress": ["response"],
    "response.completed": ["response"],
    "response.incomplete": ["response"],
    "response.failed": ["response"],
    "response.output_item.added": ["output_index", "item"],
    "response.output_item.done": ["output_index", "item"],
    "response.content_part.added": ["item_id", "output_index", "content_index", "part"],
    "response.content_part.done": ["item_id", "output_index", "content_index", "part"],
    "response.output_text.delta": ["item_id", "output_index", "content_index", "delta", "logprobs"],
    "response.output_text.done": ["item_id", "output_index", "content_index", "text", "logprobs"],
    "response.function_call_arguments.delta": ["item_id", "output_index", "delta"],
    "response.function_call_arguments.done": ["item_id", "output_index", "name", "arguments"],
    "error": ["code", "message", "param"],
  } as Record<string, string[]>,
};

// deno-lint-ignore no-explicit-any -- answers are JSON of many shapes; the assertions check them
type Body = any;

/** Holds a `response` to what OpenAI publishes, and to what this server publishes. */
export function checkResponse(body: Body): void {
  expect(body).toContainKeys(required.response);
  expect(body.object).toBe("response");
  for (const item of body.output) {
    expect(item).toContainKeys(required[item.type as "message"]);
    for (const part of item.content ?? []) expect(part).toContainKeys(required.output_text);
  }
  if (body.usage !== null) {
    expect(body.usage).toContainKeys(required.usage);
    expect(body.usage.total_tokens).toBe(body.usage.input_tokens + body.usage.output_tokens);
  }
  responseResponse.parse(body);
}

/** The answer to a request without a stream, held to its published form. */
export async function whole(response: Response): Promise<Body> {
  const body = await json(response);
  expect({ status: response.status, error: body.error }).toEqual({ status: 200, error: null });
  checkResponse(body);
  return body;
}

/** The events of a stream, held to their published form: each line names its event, and they are numbered from 0. */
export async function streamed(response: Response): Promise<Body[]> {
  expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  const blocks = (await response.text()).split("\n\n").filter((block) =>
    block !== "" && !block.startsWith(":")
  );
  const events = blocks.map((block) => {
    const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(block)!;
    const event = JSON.parse(data!);
    expect(event.type).toBe(name);
    return event;
  });
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
  for (const event of events) {
    expect(event).toContainKeys(required.events[event.type]!);
    if (event.response) checkResponse(event.response);
    responseEvent.parse(event);
  }
  return events;
}
