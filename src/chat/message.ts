/**
 * A conversation as the template reads it: every content is a list of parts. Image parts carry no data: the
 * k-th image part of the conversation stands for the k-th image of the request.
 */
export type ContentPart = { readonly type: "text"; readonly text: string } | { readonly type: "image" };

export interface ToolCall {
  readonly id?: string;
  readonly name: string;
  /** Arguments as parsed JSON; the template prints them as an object. */
  readonly arguments: unknown;
}

export interface Message {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: readonly ContentPart[];
  readonly toolCalls?: readonly ToolCall[];
  readonly toolCallId?: string;
}
