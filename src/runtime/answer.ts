import type { ChosenLogprob } from "../engine/protocol.ts";
import { StreamDecoder } from "../tokenizer/stream_decoder.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { AnswerToken, LikelyToken } from "./request.ts";
import { StopMatcher } from "./stop.ts";

export interface AnswerOptions {
  /** Texts that end the answer. */
  readonly stop: readonly string[];
  /** Tokens that end the answer; they have no text. */
  readonly stopIds: ReadonlySet<number>;
  /** Stop texts in what the tokens before this many give are text like any other. */
  readonly minTokens: number;
}

/** Text that has become certain, and the tokens that it is made of, those only that have a log probability. */
export interface Piece {
  readonly text: string;
  readonly tokens: readonly AnswerToken[];
}

/** A token whose text is not certain yet. */
interface HeldToken {
  readonly token: AnswerToken;
  /** Length of the answer's text before and after it, held text included. */
  readonly begin: number;
  readonly end: number;
}

const noTokens: readonly AnswerToken[] = [];

/** Tokens of one choice to text, up to the first stop text. */
export class Answer {
  tokenCount = 0;
  /** A stop text has come: nothing more belongs to the answer. */
  stopped = false;
  readonly #tokenizer: Tokenizer;
  readonly #options: AnswerOptions;
  readonly #decoder: StreamDecoder;
  readonly #matcher: StopMatcher;
  readonly #held: HeldToken[] = [];
  /** Length of the text that was decoded, and of that which was given away. */
  #decoded = 0;
  #given = 0;

  constructor(tokenizer: Tokenizer, options: AnswerOptions) {
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#decoder = new StreamDecoder(tokenizer);
    this.#matcher = new StopMatcher(options.stop);
  }

  /** What this token makes certain. Stop ids count as tokens and have no text. */
  push(id: number, logprob?: ChosenLogprob): Piece {
    this.tokenCount++;
    if (this.#options.stopIds.has(id)) return { text: "", tokens: noTokens };
    const text = this.#decoder.push(id);
    const begin = this.#decoded;
    this.#decoded += text.length;
    if (logprob) this.#held.push({ token: this.#tokenOf(id, logprob), begin, end: this.#decoded });
    return this.#release(this.tokenCount < this.#options.minTokens ? text : this.#match(text));
  }

  /** What was held back at the end of the answer. */
  flush(): Piece {
    const rest = this.#match(this.#decoder.flush());
    const text = this.stopped ? rest : rest + this.#matcher.flush();
    const { tokens } = this.#release(text);
    // A last token may have no text of its own.
    return { text, tokens: this.stopped ? tokens : [...tokens, ...this.#held.splice(0).map(tokenOfHeld)] };
  }

  #match(text: string): string {
    const { emit, stopped } = this.#matcher.push(text);
    this.stopped = stopped;
    return emit;
  }

  /** Gives tokens away no earlier than their text, and of a stopped answer those only that begin in it. */
  #release(text: string): Piece {
    this.#given += text.length;
    if (this.#held.length === 0) return { text, tokens: noTokens };
    const given = this.#given;
    const waiting = this.#held.findIndex(({ begin, end }) => this.stopped ? begin >= given : end > given);
    const tokens = this.#held.splice(0, waiting < 0 ? this.#held.length : waiting).map(tokenOfHeld);
    return { text, tokens };
  }

  #tokenOf(id: number, { logprob, top }: ChosenLogprob): AnswerToken {
    return {
      ...this.#likely(id, logprob),
      alternatives: top.map(({ token, logprob }) => this.#likely(token, logprob)),
    };
  }

  #likely(id: number, logprob: number): LikelyToken {
    const control = this.#tokenizer.controlText(id);
    if (control !== undefined) return { text: control, bytes: undefined, logprob };
    const bytes = this.#tokenizer.tokenBytes(id);
    return { text: new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes), bytes, logprob };
  }
}

function tokenOfHeld({ token }: HeldToken): AnswerToken {
  return token;
}
