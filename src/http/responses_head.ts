import { newId } from "../base/ids.ts";
import type { ResponsesBody } from "./responses_schema.ts";

/** What every snapshot of a response says of it: who it is, and the request's fields as they are in force. */
export type ResponseHead = Readonly<Record<string, unknown>>;

/** @param model the name the model is served under */
export function responseHead(body: ResponsesBody, model: string): ResponseHead {
  return {
    id: newId("resp_"),
    object: "response",
    created_at: Math.floor(Date.now() / 1000),
    model,
    background: false,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    // Null is the model's own: its generation config knows.
    temperature: body.temperature ?? null,
    top_p: body.top_p ?? null,
    text: { format: body.text?.format ?? { type: "text" } },
    tool_choice: body.tool_choice ?? "auto",
    tools: (body.tools ?? []).map(({ type, name, description, parameters, strict }) => ({
      type,
      name,
      description: description ?? null,
      parameters: parameters ?? null,
      strict: strict ?? null,
    })),
    top_logprobs: body.top_logprobs ?? 0,
    truncation: "disabled",
    user: body.user ?? null,
  };
}
