import type { AnswerToken, FinishReason, GenerateEvent } from "../runtime/request.ts";
import { type CallDelta, chunk, completion, type Envelope, type FunctionCall } from "./chat_response.ts";
import type { Exchange } from "./exchange.ts";
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

/** The whole answer, in one piece. */
export async function wholeAnswer(
  events: AsyncGenerator<GenerateEvent>,
  answer: Answering,
): Promise<unknown> {
  const { exchange, envelope, strictOpenai } = answer;
  const drafts = Array.from({ length: answer.choices }, (): Draft => ({
    text: "",
    calls: [],
    tokens: answer.logprobs ? [] : undefined,
  }));
  for await (const event of events) {
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
 *
 * @param first what `events` gave first
 */
export async function* chunksOf(
  first: IteratorResult<GenerateEvent>,
  events: AsyncGenerator<GenerateEvent>,
  { exchange, envelope, choices, callable, usage: usageWanted, strictOpenai }: Answering,
): AsyncGenerator<unknown> {
  let promptTokens = 0;
  const usageSoFar = (completionTokens: number): TokenCounts | null | undefined => {
    if (usageWanted === "never") return undefined;
    return usageWanted === "always" ? tokenCounts(promptTokens, completionTokens) : null;
  };
  let left = choices;
  for (let step = first; !step.done && left > 0; step = await events.next()) {
    const event = step.value;
    if (event.type === "start") {
      ({ promptTokens } = event);
      // Nobody knows yet whether there will be text: an answer of calls alone has null for its content.
      const content = callable ? null : "";
      for (let index = 0; index < choices; index++) {
        yield chunk(envelope, { index, delta: { role: "assistant", content } }, usageSoFar(0));
      }
    } else if (event.type === "text") {
      const { choice: index, text: content, tokens, completionTokens } = event;
      yield chunk(envelope, { index, delta: { content }, tokens }, usageSoFar(completionTokens));
    } else if (event.type !== "end") {
      const { choice: index, completionTokens } = event;
      yield chunk(
        envelope,
        { index, delta: { tool_calls: [callDelta(event)] } },
        usageSoFar(completionTokens),
      );
    } else {
      const { choice: index, finishReason, usage } = event;
      exchange.usage = usage;
      left--;
      yield chunk(envelope, { index, delta: {}, finishReason }, usageSoFar(usage.completionTokens));
    }
  }
  if (left > 0 || !exchange.usage) throw endedEarly(exchange);
  if (usageWanted !== "never") yield chunk(envelope, undefined, usageBody(exchange.usage, strictOpenai));
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
