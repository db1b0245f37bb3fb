import type { Tokenizer } from "./tokenizer.ts";

/**
 * Turns a stream of ids into a stream of text. A token may end in the middle of a character: what is not
 * complete yet is held back. Bytes that can no longer become a character give U+FFFD at once, a byte-order mark
 * is text like any other, and control tokens give nothing.
 */
export class StreamDecoder {
  readonly #tokenizer: Pick<Tokenizer, "tokenBytes" | "wholeText">;
  /** The Unicode standard's "maximal subpart" rule, which the WHATWG decoder follows, is the one wanted here. */
  readonly #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  /** Whether the decoder may hold the beginning of a character. */
  #open = false;

  constructor(tokenizer: Pick<Tokenizer, "tokenBytes" | "wholeText">) {
    this.#tokenizer = tokenizer;
  }

  /** Text that this id completes; often empty. */
  push(id: number): string {
    const whole = this.#tokenizer.wholeText(id);
    // Nearly all tokens are whole characters and follow such: their text is known.
    if (whole === "" || (whole !== undefined && !this.#open)) return whole;
    this.#open = whole === undefined;
    return this.#utf8.decode(this.#tokenizer.tokenBytes(id), { stream: true });
  }

  /** Ends the text: U+FFFD for a character that stayed incomplete. The decoder then starts afresh. */
  flush(): string {
    this.#open = false;
    return this.#utf8.decode();
  }
}
