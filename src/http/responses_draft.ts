import { newId } from "../base/ids.ts";
import type { AnswerToken, FinishReason, GenerateEvent, Usage } from "../runtime/request.ts";
import { likely } from "./chat_response.ts";
import type { ErrorBody } from "./errors.ts";
import type { ResponseHead } from "./responses_head.ts";
import { responsesUsageBody } from "./usage_body.ts";

type Json = Readonly<Record<string, unknown>>;

/** What a stream says. */
type StreamEvent = Json & { readonly type: string };

type Status = "in_progress" | "completed" | "incomplete";

/** A part of the output while it is being written. */
interface MessageItem {
  readonly type: "message";
  readonly id: string;
  status: Status;
  text: string;
  readonly tokens: AnswerToken[];
}
interface CallItem {
  readonly type: "function_call";
  readonly id: string;
  status: Status;
  readonly callId: string;
  readonly name: string;
  arguments: string;
}
type Item = MessageItem | CallItem;

/**
 * A response that is being made. It is fed with the runtime's events, and tells of each what a stream says; what it is
 * at the end, is the answer of a request that did not ask for a stream. So both say the same.
 */
export class ResponseDraft {
  readonly #head: ResponseHead;
  readonly #strictOpenai: boolean;
  readonly #items: Item[] = [];
  #sequence = 0;
  #reason: FinishReason | undefined;
  #usage: Usage | undefined;
  #error: Json | null = null;

  /** @param strictOpenai leaves out of the usage what OpenAI's API does not have */
  constructor(head: ResponseHead, strictOpenai: boolean) {
    this.#head = head;
    this.#strictOpenai = strictOpenai;
  }

  get ended(): boolean {
    return this.#reason !== undefined;
  }

  /** The whole `response` object as it is now. */
  get body(): Json {
    const status = this.#error ? "failed" : this.#status;
    return {
      ...this.#head,
      status,
      completed_at: status === "completed" ? Math.floor(Date.now() / 1000) : null,
      error: this.#error,
      incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
      output: this.#items.map(itemBody),
      usage: this.#usage ? responsesUsageBody(this.#usage, this.#strictOpenai) : null,
    };
  }

  /** What a stream says of the runtime's next event. */
  push(event: GenerateEvent): StreamEvent[] {
    return [...this.#push(event)];
  }

  *#push(event: GenerateEvent): Generator<StreamEvent> {
    switch (event.type) {
      case "start":
        yield this.#event("response.created", { response: this.body });
        yield this.#event("response.in_progress", { response: this.body });
        break;
      case "text": {
        if (this.#open?.type !== "message") {
          yield* this.#close("completed");
          yield* this.#add(newMessage());
        }
        yield this.#write(this.#open as MessageItem, event.text, event.tokens ?? []);
        break;
      }
      case "tool_call":
        yield* this.#close("completed");
        yield* this.#add(newCall(event.id, event.name));
        break;
      case "tool_arguments": {
        const call = this.#open as CallItem;
        call.arguments += event.text;
        yield this.#event("response.function_call_arguments.delta", { ...this.#at(call), delta: event.text });
        break;
      }
      case "end":
        // An answer without a word is a message all the same.
        if (this.#items.length === 0) yield* this.#add(newMessage());
        this.#reason = event.finishReason;
        this.#usage = event.usage;
        yield* this.#close(this.#status);
        yield this.#event(`response.${this.#status}`, { response: this.body });
    }
  }

  /** What a stream says last when it cannot go on. */
  failure({ error: { message, code, param } }: ErrorBody): StreamEvent[] {
    this.#error = { code: "server_error", message };
    if (this.#open) this.#open.status = "incomplete";
    return [
      this.#event("error", { code, message, param }),
      this.#event("response.failed", { response: this.body }),
    ];
  }

  get #status(): Status {
    if (this.#reason === undefined) return "in_progress";
    return this.#reason === "length" ? "incomplete" : "completed";
  }

  /** The item that is being written: always the last one. */
  get #open(): Item | undefined {
    const last = this.#items.at(-1);
    return last?.status === "in_progress" ? last : undefined;
  }

  *#add(item: Item): Generator<StreamEvent> {
    this.#items.push(item);
    const { output_index } = this.#at(item);
    if (item.type === "function_call") {
      yield this.#event("response.output_item.added", { output_index, item: itemBody(item) });
      return;
    }
    // The part is told of by itself.
    const empty = { ...itemBody(item), content: [] };
    yield this.#event("response.output_item.added", { output_index, item: empty });
    yield this.#event("response.content_part.added", { ...this.#inPart(item), part: partBody(item) });
  }

  #write(item: MessageItem, text: string, tokens: readonly AnswerToken[]): StreamEvent {
    item.text += text;
    item.tokens.push(...tokens);
    const logprobs = tokens.map(logprobBody);
    return this.#event("response.output_text.delta", { ...this.#inPart(item), delta: text, logprobs });
  }

  *#close(status: Status): Generator<StreamEvent> {
    const item = this.#open;
    if (!item) return;
    item.status = status;
    if (item.type === "message") {
      const part = partBody(item);
      const { text, logprobs } = part;
      yield this.#event("response.output_text.done", { ...this.#inPart(item), text, logprobs });
      yield this.#event("response.content_part.done", { ...this.#inPart(item), part });
    } else {
      const { name, arguments: text } = item;
      yield this.#event("response.function_call_arguments.done", {
        ...this.#at(item),
        name,
        arguments: text,
      });
    }
    const { output_index } = this.#at(item);
    yield this.#event("response.output_item.done", { output_index, item: itemBody(item) });
  }

  /** Which item an event is about. Only the last one is written to. */
  #at(item: Item): { item_id: string; output_index: number } {
    return { item_id: item.id, output_index: this.#items.length - 1 };
  }

  #inPart(item: MessageItem): Json {
    return { ...this.#at(item), content_index: 0 };
  }

  #event(type: string, fields: Json): StreamEvent {
    return { type, sequence_number: this.#sequence++, ...fields };
  }
}

function newMessage(): MessageItem {
  return { type: "message", id: newId("msg_"), status: "in_progress", text: "", tokens: [] };
}

function newCall(callId: string, name: string): CallItem {
  return { type: "function_call", id: newId("fc_"), status: "in_progress", callId, name, arguments: "" };
}

function itemBody(item: Item): Json {
  const { type, id, status } = item;
  if (item.type === "message") return { type, id, status, role: "assistant", content: [partBody(item)] };
  return { type, id, status, call_id: item.callId, name: item.name, arguments: item.arguments };
}

function partBody({ text, tokens }: MessageItem) {
  return { type: "output_text", text, annotations: [], logprobs: tokens.map(logprobBody) };
}

function logprobBody(token: AnswerToken): Json {
  // A control token adds no bytes to the text, which is an empty list here.
  const withBytes = (one: ReturnType<typeof likely>) => ({ ...one, bytes: one.bytes ?? [] });
  return { ...withBytes(likely(token)), top_logprobs: token.alternatives.map(likely).map(withBytes) };
}
