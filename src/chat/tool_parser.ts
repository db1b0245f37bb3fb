import { type CallableFunction, ToolCallReader } from "./tool_call_reader.ts";

/** A part of an answer. The arguments of a call are JSON text in pieces, and follow their call. */
export type ToolPiece =
  | { readonly type: "text"; readonly text: string; /** Of the text in the answer. */ readonly begin: number }
  | { readonly type: "call"; readonly name: string }
  | { readonly type: "arguments"; readonly text: string };

/** Separators that wait for the call that they stand before; more of them are text. */
const maxSeparators = 256;

const separator = /[\s;,[\]]/;
/** Text in which no call begins. */
const plain = /[^{<[]+/y;

/**
 * Finds the calls in an answer of Llama 3.2 while it comes. Text that may still become a call is held back until
 * that is decided; what turns out to be none is text. A call of a function that is not known is text as well.
 *
 * A call may stand anywhere in the answer, and several behind each other, with spaces, `;` or `,` between them or as
 * a list; what separates them is no text. Calls in the manner of Python are found inside of `[…]` and behind
 * `<|python_tag|>` only: elsewhere they are how people write about functions.
 */
export class ToolParser {
  /** Calls that are complete. */
  callCount = 0;
  readonly #functions: readonly CallableFunction[];
  readonly #single: boolean;
  #pieces: ToolPiece[] = [];
  /** Length of what has come. */
  #seen = 0;
  /** The end of it that is not decided: separators, and then what `#reader` has read. */
  #held = "";
  #reader: ToolCallReader | undefined;
  /** No text since the beginning, since the last call or since the opening bracket: separators are held back. */
  #between = true;
  /** No text since the last call: separators that end the answer belong to it. */
  #behindCall = false;
  /** Behind an opening bracket or a tag, with no text since. */
  #listed = false;

  /** @param single nothing behind the first call belongs to the answer, whatever it is */
  constructor(functions: readonly CallableFunction[], single = false) {
    this.#functions = functions;
    this.#single = single;
  }

  /** The only call that there may be has come. */
  get complete(): boolean {
    return this.#single && this.callCount > 0;
  }

  /** What this piece of the answer makes certain. */
  push(text: string): ToolPiece[] {
    for (let at = 0; at < text.length && !this.complete;) {
      const next = this.#plainText(text, at) || String.fromCodePoint(text.codePointAt(at)!);
      at += next.length;
      this.#seen += next.length;
      this.#take(next);
    }
    return this.#taken();
  }

  /** The model's `<|python_tag|>`: what follows may be a call in the manner of Python. It has no text. */
  pythonTag(): ToolPiece[] {
    this.#giveUp();
    this.#between = true;
    this.#listed = true;
    return this.#taken();
  }

  /** The answer has ended. A call that was cut off stays what it is; other things that were held back are text. */
  flush(): ToolPiece[] {
    this.#giveUp();
    return this.#taken();
  }

  /** As much text from here on as needs no look at every character: often all of it. */
  #plainText(text: string, at: number): string | undefined {
    if (this.#reader || this.#between) return undefined;
    plain.lastIndex = at;
    return plain.exec(text)?.[0];
  }

  #take(character: string): void {
    this.#held += character;
    if (this.#reader === undefined && this.#begins(character)) {
      this.#reader = new ToolCallReader(this.#functions, character);
    }
    if (this.#reader) return this.#read(this.#reader, character);
    if (character === "[") this.#between = this.#listed = true;
    const isSeparator = this.#between && separator.test(character);
    if (!isSeparator || this.#held.length > maxSeparators) this.#release(this.#held.length);
  }

  #begins(character: string): boolean {
    if (character === "{" || character === "<") return true;
    return this.#listed && this.#functions.some(({ name }) => name.startsWith(character));
  }

  #read(reader: ToolCallReader, character: string): void {
    const begun = reader.name !== undefined;
    const reading = reader.take(character);
    if (reading === "none") {
      this.#reader = undefined;
      this.#release(this.#held.length - character.length);
      this.#held = "";
      return this.#take(character); // what another call may begin with
    }
    if (!begun && reader.name !== undefined) this.#pieces.push({ type: "call", name: reader.name });
    if (reader.name !== undefined) this.#held = "";
    if (reading === "more") return;
    this.#takeArguments(reader);
    this.#reader = undefined;
    this.#between = this.#behindCall = true;
    this.callCount++;
    for (const rest of this.complete ? "" : reader.rest) this.#take(rest);
  }

  /** The first `length` characters of what is held are text. */
  #release(length: number): void {
    this.#between = this.#behindCall = this.#listed = false;
    if (length === 0) return;
    const begin = this.#seen - this.#held.length;
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    const last = this.#pieces.at(-1);
    if (last?.type === "text") this.#pieces[this.#pieces.length - 1] = { ...last, text: last.text + text };
    else this.#pieces.push({ type: "text", text, begin });
  }

  /** Nothing more comes that could make a call of what is held. */
  #giveUp(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader?.name !== undefined) {
      this.#takeArguments(reader);
      this.callCount++;
    } else if (reader || !this.#behindCall) this.#release(this.#held.length);
    this.#held = "";
  }

  #takeArguments(reader: ToolCallReader): void {
    if (reader.arguments !== "") this.#pieces.push({ type: "arguments", text: reader.arguments });
    reader.arguments = "";
  }

  #taken(): ToolPiece[] {
    if (this.#reader) this.#takeArguments(this.#reader);
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }
}
