import { escapeControls } from "../base/escape.ts";
import { type Size, wrapText } from "./frame.ts";
import { splitBlock } from "./markdown_blocks.ts";
import { Painter } from "./painter.ts";
import { escapeAllButStyle } from "./styled.ts";

export interface MarkdownOptions {
  /** Of the terminal now: it can change while the text comes. */
  readonly size: () => Size;
  readonly colors: boolean;
}

/** An address that is its own text, which would be shown twice: `https://a.example (https://a.example)`. */
const doubledAddress =
  // deno-lint-ignore no-control-regex -- between the two stands style
  /((?:https?:\/\/|www\.)[^\s\x1b()]+|[^\s\x1b()@]+@[^\s\x1b()]+)((?:\x1b\[[\d;]*m)*)\s\((?:mailto:|http:\/\/)?\1((?:\x1b\[[\d;]*m)*)\)/g;

/**
 * Shows markdown while it comes: the block that is being written as plain text, and as soon as it is finished in its
 * place with headings, lists, tables and code as such. Every method gives what must be written to the terminal, of
 * which nothing but style comes from a control character of the text.
 */
export class MarkdownStream {
  readonly #options: MarkdownOptions;
  readonly #painter = new Painter();
  /** The text of the block that is not finished. */
  #open = "";
  /**
   * So much of the block, as it is shown, has left the screen, and stays the plain text that it is; `undefined` while
   * all of it can be reached.
   */
  #released: number | undefined;
  #blocks = 0;

  constructor(options: MarkdownOptions) {
    this.#options = options;
  }

  push(text: string): string {
    this.#open += text;
    let output = "";
    for (;;) {
      // A carriage return may be the first half of a line's end.
      const known = this.#open.replace(/\r$/, "").replaceAll("\r\n", "\n");
      const split = splitBlock(known);
      if (split === undefined) break;
      output += this.#finish(split.block);
      this.#open = split.rest + (this.#open.endsWith("\r") ? "\r" : "");
    }
    return output + this.#paint();
  }

  /** The text is complete; the cursor stands at the beginning of an empty row. */
  end(): string {
    const rest = this.#open.replaceAll("\r\n", "\n");
    this.#open = "";
    return rest.trim() === "" ? this.#painter.erase() : this.#finish(rest);
  }

  /** The terminal has another size. */
  resize(): string {
    return this.#painter.resize(this.#options.size().columns) + this.#paint();
  }

  #paint(): string {
    const { columns, rows } = this.#options.size();
    const shown = escapeControls(trimLineFeeds(this.#open.replaceAll("\r\n", "\n").replace(/\r$/, "")));
    // A row of space before every block but the first.
    const gap = this.#blocks > 0 && this.#released === undefined && shown !== ""
      ? [{ shown: "", end: 0 }]
      : [];
    const wrapped = [...gap, ...wrapText(shown.slice(this.#released ?? 0), columns)];
    const last = wrapped.at(-1)!.shown;
    const output = this.#painter.paint({
      rows: wrapped.map((row) => row.shown),
      cursorRow: wrapped.length - 1,
      cursorColumn: Math.min(Bun.stringWidth(last), columns - 1),
    });
    const above = wrapped.length - Math.max(1, rows - 1);
    if (above > 0) {
      this.#painter.release(above);
      this.#released = (this.#released ?? 0) + wrapped[above - 1]!.end;
    }
    return output;
  }

  /** Replaces the plain text of a block by what it means, unless a part of it is out of reach. */
  #finish(block: string): string {
    const gap = this.#blocks++ > 0 ? "\r\n" : "";
    if (this.#released === undefined) {
      return this.#painter.erase() + gap + this.#render(block).replaceAll("\n", "\r\n") + "\r\n";
    }
    this.#open = block;
    const output = this.#paint() + this.#painter.finish();
    this.#released = undefined;
    return output;
  }

  #render(block: string): string {
    const { colors, size } = this.#options;
    const text = escapeControls(block);
    // Links by their address, not hidden behind their text; and pictures are never opened.
    const rendered = Bun.markdown.ansi(text, { colors, hyperlinks: false, columns: size().columns });
    return trimLineFeeds(escapeAllButStyle(rendered).replaceAll(doubledAddress, "$1$2$3"));
  }
}

function trimLineFeeds(text: string): string {
  return text.replace(/^\n+|\n+$/g, "");
}
