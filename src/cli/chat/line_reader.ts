import { checkIsText } from "../pictures.ts";
import type { Input } from "../terminal.ts";

/** A line that has no end is no message. */
const maxLineLength = 16 * 1024 * 1024;

/** The lines of a stream, one by one, as they are asked for. */
export class LineReader {
  readonly #chunks: AsyncIterator<Uint8Array | string>;
  readonly #decoder = new TextDecoder();
  #text = "";
  #begun = false;
  #ended = false;

  constructor(input: Input) {
    this.#chunks = input[Symbol.asyncIterator]();
  }

  /**
   * The next line, without its end.
   *
   * @returns undefined after the last one
   * @throws {RangeError} If it is longer than anything that could be meant.
   * @throws {UsageError} If the stream is no text but a picture.
   */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) return this.#take(end, end + 1).replace(/\r$/, "");
      if (this.#ended) {
        return this.#text === "" ? undefined : this.#take(this.#text.length, this.#text.length);
      }
      if (this.#text.length > maxLineLength) throw new RangeError("stdin has a line that is too long");
      const { done, value } = await this.#chunks.next();
      if (done) {
        this.#ended = true;
        continue;
      }
      if (!this.#begun && typeof value !== "string") await checkIsText(value);
      this.#begun = true;
      this.#text += typeof value === "string" ? value : this.#decoder.decode(value, { stream: true });
    }
  }

  #take(end: number, next: number): string {
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(next);
    return line;
  }
}
