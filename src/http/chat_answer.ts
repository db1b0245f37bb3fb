import type { AnswerToken, FinishReason, GenerateEvent } from "../runtime/request.ts";
import type { AnswerWriter } from "./answer_stream.ts";
import {
  type CallDelta,
  type ChoicePiece,
  chunk,
  completion,
  type Envelope,
  type FunctionCall,
} from "./chat_response.ts";
import type { ErrorBody } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { lastPlainEvent, plainEvent, plainEventAround } from "./sse.ts";
import { type TokenCounts, tokenCounts, usageBody } from "./usage_body.ts";

/** What of a request the form of its answer depends on. */
export interface Answering {
  /** Where the usage is left for the log. */
  readonly exchange: Exchange;
  readonly envelope: Envelope;
  readonly choices: number;
  /** Whether it may be calls instead of text. */
  readonly callable: boolean;
  /** Whether log probabilities were asked for. */
  readonly logprobs: boolean;
  /** Which chunks of a stream carry the usage; a whole answer always does. */
  readonly usage: "never" | "at the end" | "always";
  /** Leave out of the usage what OpenAI's API does not have. */
  readonly strictOpenai: boolean;
}

/** A choice that is being collected. */
interface Draft {
  text: string;
  readonly calls: FunctionCall[];
  readonly tokens?: AnswerToken[];
  finishReason?: FinishReason;
}

/**
 * The whole answer, in one piece.
 *
 * @param first what `events` gave first
 */
export async function wholeAnswer(
  first: IteratorResult<GenerateEvent>,
  events: AsyncGenerator<GenerateEvent>,
  answer: Answering,
): Promise<unknown> {
  const { exchange, envelope, strictOpenai } = answer;
  const drafts = Array.from({ length: answer.choices }, (): Draft => ({
    text: "",
    calls: [],
    tokens: answer.logprobs ? [] : undefined,
  }));
  for (let step = first; !step.done; step = await events.next()) {
    const event = step.value;
    if (event.type === "start") continue;
    const draft = drafts[event.choice]!;
    if (event.type === "text") {
      draft.text += event.text;
      if (event.tokens) draft.tokens?.push(...event.tokens);
    } else if (event.type === "tool_call") {
      draft.calls[event.index] = { id: event.id, name: event.name, arguments: "" };
    } else if (event.type === "tool_arguments") {
      const call = draft.calls[event.index]!;
      draft.calls[event.index] = { ...call, arguments: call.arguments + event.text };
    } else {
      draft.finishReason = event.finishReason;
      exchange.usage = event.usage;
    }
  }
  const complete = drafts.flatMap(({ finishReason, ...draft }) =>
    finishReason === undefined ? [] : [{ ...draft, finishReason }]
  );
  if (complete.length < drafts.length || !exchange.usage) throw endedEarly(exchange);
  return completion(envelope, complete, usageBody(exchange.usage, strictOpenai));
}

/**
 * An answer piece by piece: for every choice a chunk with the role, its text and calls, and a chunk with its finish
 * reason.
 */
export class ChatWriter implements AnswerWriter {
  readonly #answer: Answering;
  /** By choice: the event of a text that has nothing else to tell, as nearly all of them. */
  readonly #textEvents: readonly ((text: string) => string)[];
  #promptTokens = 0;
  /** Choices that have not ended. */
  #left: number;

  constructor(answer: Answering) {
    this.#answer = answer;
    this.#left = answer.choices;
    this.#textEvents = Array.from(
      { length: answer.choices },
      (_, index) =>
        plainEventAround(
          chunk(answer.envelope, { index, delta: { content: "" } }, this.#usageSoFar(0)),
          "content",
        ),
    );
  }

  get complete(): boolean {
    return this.#left === 0;
  }

  write(event: GenerateEvent): string {
    switch (event.type) {
      case "start":
        this.#promptTokens = event.promptTokens;
        return this.#roles();
      case "text": {
        const { choice: index, text: content, tokens, completionTokens } = event;
        if (!tokens && this.#answer.usage !== "always") return this.#textEvents[index]!(content);
        return this.#chunk({ index, delta: { content }, tokens }, completionTokens);
      }
      case "tool_call":
      case "tool_arguments": {
        const { choice: index, completionTokens } = event;
        return this.#chunk({ index, delta: { tool_calls: [callDelta(event)] } }, completionTokens);
      }
      case "end": {
        const { choice: index, finishReason, usage } = event;
        this.#answer.exchange.usage = usage;
        this.#left--;
        return this.#chunk({ index, delta: {}, finishReason }, usage.completionTokens);
      }
    }
  }

  end(): string {
    const { exchange, envelope, usage, strictOpenai } = this.#answer;
    if (!this.complete || !exchange.usage) throw endedEarly(exchange);
    if (usage === "never") return lastPlainEvent;
    return plainEvent(chunk(envelope, undefined, usageBody(exchange.usage, strictOpenai))) + lastPlainEvent;
  }

  failure(body: ErrorBody): string {
    return plainEvent(body);
  }

  #roles(): string {
    // Nobody knows yet whether there will be text: an answer of calls alone has null for its content.
    const delta = { role: "assistant", content: this.#answer.callable ? null : "" } as const;
    return Array.from({ length: this.#answer.choices }, (_, index) => this.#chunk({ index, delta }, 0)).join(
      "",
    );
  }

  #chunk(piece: ChoicePiece, completionTokens: number): string {
    return plainEvent(chunk(this.#answer.envelope, piece, this.#usageSoFar(completionTokens)));
  }

  #usageSoFar(completionTokens: number): TokenCounts | null | undefined {
    const { usage } = this.#answer;
    if (usage === "never") return undefined;
    return usage === "always" ? tokenCounts(this.#promptTokens, completionTokens) : null;
  }
}

function callDelta(event: Extract<GenerateEvent, { type: "tool_call" | "tool_arguments" }>): CallDelta {
  const { index } = event;
  if (event.type === "tool_arguments") return { index, function: { arguments: event.text } };
  return { index, id: event.id, type: "function", function: { name: event.name, arguments: "" } };
}

/** What to throw when there is no more and not all is there: why it was given up, or that it should not be so. */
export function endedEarly({ signal }: Exchange): unknown {
  if (signal.aborted) return signal.reason;
  return new Error("The runtime ended an answer without an end event");
}
