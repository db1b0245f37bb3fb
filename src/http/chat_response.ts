import type { AnswerToken, FinishReason, LikelyToken } from "../runtime/request.ts";
import type { TokenCounts } from "./usage_body.ts";

/** What all chunks of one answer share. */
export interface Envelope {
  readonly id: string;
  /** Unix time in seconds. */
  readonly created: number;
  /** The name the model is served under. */
  readonly model: string;
}

/** A function that the model calls. */
export interface FunctionCall {
  readonly id: string;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

/** One answer of a `chat.completion`. */
export interface WholeChoice {
  readonly text: string;
  readonly calls: readonly FunctionCall[];
  /** Left out where no log probabilities were asked for. */
  readonly tokens?: readonly AnswerToken[];
  readonly finishReason: FinishReason;
}

/** A `chat.completion`: the whole answer at once. */
export function completion(
  envelope: Envelope,
  choices: readonly WholeChoice[],
  usage: TokenCounts,
): unknown {
  return {
    id: envelope.id,
    object: "chat.completion",
    created: envelope.created,
    model: envelope.model,
    choices: choices.map(({ text, calls, tokens, finishReason }, index) => ({
      index,
      message: messageBody(text, calls),
      logprobs: logprobsBody(tokens),
      finish_reason: finishReason,
    })),
    usage,
  };
}

/** Without calls the key is left out, and an answer that is nothing but calls has no content. */
function messageBody(text: string, calls: readonly FunctionCall[]): unknown {
  if (calls.length === 0) return { role: "assistant", content: text, refusal: null };
  return {
    role: "assistant",
    content: text === "" ? null : text,
    refusal: null,
    tool_calls: calls.map(({ id, ...called }) => ({ id, type: "function", function: called })),
  };
}

/** A piece of a call: first its id, type and name with arguments that are empty, then only arguments. */
export interface CallDelta {
  readonly index: number;
  readonly id?: string;
  readonly type?: "function";
  readonly function: { readonly name?: string; readonly arguments: string };
}

/** A piece of one choice. */
export interface ChoicePiece {
  readonly index: number;
  readonly delta: {
    readonly role?: "assistant";
    readonly content?: string | null;
    readonly tool_calls?: readonly CallDelta[];
  };
  readonly tokens?: readonly AnswerToken[];
  readonly finishReason?: FinishReason;
}

/**
 * One `chat.completion.chunk` with a piece of a choice, or without one the last chunk of all, which carries the usage.
 *
 * @param usage `undefined` leaves the key out
 */
export function chunk(
  { id, created, model }: Envelope,
  piece: ChoicePiece | undefined,
  usage: TokenCounts | null | undefined,
): unknown {
  const choices = piece === undefined ? [] : [{
    index: piece.index,
    delta: piece.delta,
    logprobs: logprobsBody(piece.tokens),
    finish_reason: piece.finishReason ?? null,
  }];
  // JSON leaves out what is undefined.
  return { id, object: "chat.completion.chunk", created, model, choices, usage };
}

function logprobsBody(tokens: readonly AnswerToken[] | undefined): unknown {
  if (tokens === undefined) return null;
  return {
    content: tokens.map((token) => ({ ...likely(token), top_logprobs: token.alternatives.map(likely) })),
    refusal: null,
  };
}

/** JSON has no infinity; this is what the API says of tokens that cannot be. */
const impossible = -9999;

export interface TokenBody {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[] | null;
}

export function likely({ text, bytes, logprob }: LikelyToken): TokenBody {
  // Rounding may lift a certain token a hair above zero.
  const bounded = Math.max(impossible, Math.min(0, logprob));
  return { token: text, logprob: bounded, bytes: bytes ? [...bytes] : null };
}
