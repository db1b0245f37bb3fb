import { newId } from "../base/ids.ts";
import { ToolParser, type ToolPiece } from "../chat/tool_parser.ts";
import type { ChosenLogprob } from "../engine/protocol.ts";
import type { Answer, Piece } from "./answer.ts";
import type { AnswerToken, FinishReason, ToolChoice } from "./request.ts";
import { callableFunctions } from "./tool_use.ts";

/** What has become certain of an answer. */
export type AnswerPart =
  | ({ readonly type: "text" } & Piece)
  | { readonly type: "tool_call"; readonly index: number; readonly id: string; readonly name: string }
  | { readonly type: "tool_arguments"; readonly index: number; readonly text: string };

/** Tokens of text whose meaning is not certain yet. */
interface WaitingTokens {
  /** Where the text begins and ends in the answer. */
  readonly begin: number;
  readonly end: number;
  readonly tokens: readonly AnswerToken[];
}

/** The parts of one choice: its text, and the calls in it where there are functions. */
export class ToolAnswer {
  readonly #answer: Answer;
  readonly #parser: ToolParser | undefined;
  /** The model's `<|python_tag|>`. */
  readonly #tag: number | undefined;
  readonly #waiting: WaitingTokens[] = [];
  #length = 0;
  #callCount = 0;

  constructor(answer: Answer, choice: ToolChoice | undefined, tag: number | undefined) {
    this.#answer = answer;
    this.#parser = choice && new ToolParser(callableFunctions(choice), !choice.parallel);
    this.#tag = tag;
  }

  /** A stop text has come, or the only call that there may be: nothing more belongs to the answer. */
  get stopped(): boolean {
    return this.#answer.stopped || this.#parser?.complete === true;
  }

  /** What this token makes certain. */
  push(id: number, logprob?: ChosenLogprob): AnswerPart[] {
    const parts = this.#read(this.#answer.push(id, logprob));
    if (this.#parser && id === this.#tag) parts.push(...this.#partsOf(this.#parser.pythonTag()));
    return this.stopped ? [...parts, ...this.#end()] : parts;
  }

  /** What was held back at the end of the answer. */
  flush(): AnswerPart[] {
    return [...this.#read(this.#answer.flush()), ...this.#end()];
  }

  /** Why the answer has ended, where the engine says `reason`, or a stop. */
  finishReason(reason: "stop" | "length"): FinishReason {
    return reason === "stop" && this.#callCount > 0 ? "tool_calls" : reason;
  }

  #read(piece: Piece): AnswerPart[] {
    const { text, tokens } = piece;
    if (!this.#parser) return text === "" && tokens.length === 0 ? [] : [{ type: "text", ...piece }];
    const begin = this.#length;
    this.#length += text.length;
    if (tokens.length > 0) this.#waiting.push({ begin, end: this.#length, tokens });
    return this.#partsOf(this.#parser.push(text));
  }

  #end(): AnswerPart[] {
    if (!this.#parser) return [];
    const parts = this.#partsOf(this.#parser.flush());
    const rest = this.#waiting.splice(0).flatMap(({ tokens }) => tokens);
    // The last tokens of an answer may have no text.
    if (rest.length > 0 && this.#callCount === 0) parts.push({ type: "text", text: "", tokens: rest });
    return parts;
  }

  #partsOf(pieces: readonly ToolPiece[]): AnswerPart[] {
    return pieces.map((piece) => {
      // Tokens of a call have no place in the API. Behind the last of them text may begin.
      if (piece.type !== "text") this.#waiting.splice(0, this.#waiting.length - 1);
      switch (piece.type) {
        case "text":
          return { type: "text", text: piece.text, tokens: this.#tokensOf(piece.begin, piece.text.length) };
        case "call": {
          return { type: "tool_call", index: this.#callCount++, id: newId("call_"), name: piece.name };
        }
        case "arguments":
          return { type: "tool_arguments", index: this.#callCount - 1, text: piece.text };
      }
    });
  }

  /** Tokens of this text. One that has no text of its own belongs to the text behind it. */
  #tokensOf(begin: number, length: number): AnswerToken[] {
    const after = this.#waiting.findIndex((waiting) => waiting.begin >= begin + length);
    const passed = this.#waiting.splice(0, after < 0 ? this.#waiting.length : after);
    return passed.flatMap((waiting) =>
      waiting.end > begin || waiting.end === waiting.begin ? waiting.tokens : []
    );
  }
}
