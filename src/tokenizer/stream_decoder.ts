import type { Tokenizer } from "./tokenizer.ts";

/**
 * Turns a stream of ids into a stream of text. A token may end in the middle of a character: what is not
 * complete yet is held back. Bytes that can no longer become a character give U+FFFD at once, a byte-order mark
 * is text like any other, and control tokens give nothing.
 */
export class StreamDecoder {
  readonly #tokenizer: Pick<Tokenizer, "tokenBytes">;
  /** The Unicode standard's "maximal subpart" rule, which the WHATWG decoder follows, is the one wanted here. */
  readonly #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(tokenizer: Pick<Tokenizer, "tokenBytes">) {
    this.#tokenizer = tokenizer;
  }

  /** Text that this id completes; often empty. */
  push(id: number): string {
    return this.#utf8.decode(this.#tokenizer.tokenBytes(id), { stream: true });
  }

  /** Ends the text: U+FFFD for a character that stayed incomplete. The decoder then starts afresh. */
  flush(): string {
    return this.#utf8.decode();
  }
}
