import { escapeControls } from "../base/escape.ts";

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** A character as a person sees it, and the columns that a terminal gives it. */
export interface Cell {
  /** What is written to the terminal: harmless, never a line feed. */
  readonly shown: string;
  readonly width: number;
  /** Code units of the text that it stands for. */
  readonly length: number;
}

/** More code units than a character that anybody means has: keeps a key's work small in a text of any length. */
const longestGrapheme = 64;

const tab = "    ";

/** The cells of one line. A tab is four columns, control characters are shown by their codes. */
export function cellsOf(line: string): Cell[] {
  if (/^[\x20-\x7e]*$/.test(line)) return Array.from(line, (shown) => ({ shown, width: 1, length: 1 }));
  return Array.from(segmenter.segment(line), ({ segment }) => {
    const shown = segment === "\t" ? tab : escapeControls(segment);
    return { shown, width: Bun.stringWidth(shown), length: segment.length };
  });
}

/** Where the grapheme that ends at `index` begins. */
export function previousBoundary(text: string, index: number): number {
  if (index <= 0) return 0;
  if (text[index - 1] === "\n") return index - 1;
  const from = Math.max(text.lastIndexOf("\n", index - 1) + 1, index - longestGrapheme);
  return from + Array.from(segmenter.segment(text.slice(from, index))).at(-1)!.index;
}

/** Where the grapheme that begins at `index` ends. */
export function nextBoundary(text: string, index: number): number {
  if (index >= text.length) return text.length;
  const [first] = segmenter.segment(text.slice(index, index + longestGrapheme));
  return index + first!.segment.length;
}
