import type { AnswerToken, FinishReason } from "../runtime/request.ts";
import type { Envelope } from "./chat_response.ts";
import type { TokenCounts } from "./usage_body.ts";

/** A choice of a `text_completion`, whole or a piece. */
export interface CompletionChoice {
  readonly index: number;
  readonly text: string;
  /** Left out where no log probabilities were asked for. */
  readonly tokens?: readonly AnswerToken[];
  /** Where the first of the tokens begins in the whole text, in UTF-16 units. */
  readonly offset: number;
  readonly finishReason?: FinishReason;
}

/** A `text_completion`. Pieces of a stream have the same form; the one with the usage alone has no choices. */
export function completionBody(
  { id, created, model }: Envelope,
  choices: readonly CompletionChoice[],
  usage: TokenCounts | null | undefined,
): unknown {
  return {
    id,
    object: "text_completion",
    created,
    model,
    choices: choices.map(({ index, text, tokens, offset, finishReason }) => ({
      index,
      text,
      logprobs: tokens ? logprobsBody(tokens, offset) : null,
      finish_reason: finishReason ?? null,
    })),
    // JSON leaves out what is undefined.
    usage,
  };
}

/** JSON has no infinity; this is what the API says of tokens that cannot be. */
const impossible = -9999;

/** Lists beside each other, one entry for each token. */
function logprobsBody(tokens: readonly AnswerToken[], offset: number): unknown {
  let at = offset;
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    tokens: tokens.map(({ text }) => text),
    token_logprobs: tokens.map(({ logprob }) => bounded(logprob)),
    // Tokens of one text, as control tokens or halves of characters are, share a key; the likelier one comes first.
    top_logprobs: tokens.map(({ alternatives }) =>
      Object.fromEntries(alternatives.toReversed().map(({ text, logprob }) => [text, bounded(logprob)]))
    ),
    text_offset: tokens.map(({ bytes }) => {
      const begin = at;
      // By bytes: control tokens have a name and no text, and a character may lie across tokens.
      at += decoder.decode(bytes, { stream: true }).length;
      return begin;
    }),
  };
}

/** Rounding may lift a certain token a hair above zero. */
function bounded(logprob: number): number {
  return Math.max(impossible, Math.min(0, logprob));
}
