import type { ContentPart, Message } from "../../src/chat/message.ts";
import type { Segment } from "../../src/chat/content_vault.ts";

/** A message as OpenAI's clients send it, in the goldens' wording. */
export interface OpenAiMessage {
  role: Message["role"];
  content?: null | string | { type: string; text?: string }[];
  tool_calls?: { id: string; function: { name: string; arguments: unknown } }[];
  tool_call_id?: string;
}

export function toMessage({ role, content, tool_calls, tool_call_id }: OpenAiMessage): Message {
  return {
    role,
    content: typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []).map(toPart),
    toolCalls: tool_calls?.map(({ id, function: call }) => ({ id, ...call })),
    toolCallId: tool_call_id,
  };
}

function toPart(part: { type: string; text?: string }): ContentPart {
  return part.type === "text" ? { type: "text", text: part.text! } : { type: "image" };
}

export function textOf(segments: readonly Segment[]): string {
  return segments.map(({ text }) => text).join("");
}
