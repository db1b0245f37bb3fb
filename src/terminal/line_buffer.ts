import { nextBoundary, previousBoundary } from "./graphemes.ts";

/** A text that is being written, and the place in it, in code units and always between two graphemes. */
export interface LineBuffer {
  readonly text: string;
  readonly cursor: number;
}

export const emptyBuffer: LineBuffer = { text: "", cursor: 0 };

/** A text with the cursor behind it. */
export function bufferOf(text: string): LineBuffer {
  return { text, cursor: text.length };
}

export function insert({ text, cursor }: LineBuffer, added: string): LineBuffer {
  return { text: text.slice(0, cursor) + added + text.slice(cursor), cursor: cursor + added.length };
}

/** Removes what lies between the cursor and `to`, on either side; the cursor stands in the gap. */
export function removeTo({ text, cursor }: LineBuffer, to: number): LineBuffer {
  const [from, end] = cursor < to ? [cursor, to] : [to, cursor];
  return { text: text.slice(0, from) + text.slice(end), cursor: from };
}

export function moveTo({ text }: LineBuffer, cursor: number): LineBuffer {
  return { text, cursor };
}

const isWord = (character: string) => /[\p{L}\p{M}\p{N}_]/u.test(character);
const isSpace = (character: string) => /\s/.test(character);
const not = (test: (character: string) => boolean) => (character: string) => !test(character);

/** Places that keys go to, or remove up to. */
export const places = {
  left: ({ text, cursor }) => previousBoundary(text, cursor),
  right: ({ text, cursor }) => nextBoundary(text, cursor),
  lineStart: ({ text, cursor }) => startOfLine(text, cursor),
  lineEnd({ text, cursor }) {
    const end = text.indexOf("\n", cursor);
    return end < 0 ? text.length : end;
  },
  start: () => 0,
  end: ({ text }) => text.length,
  /** Over what is no word, then over the word. */
  wordLeft: ({ text, cursor }) => goLeft(text, goLeft(text, cursor, not(isWord)), isWord),
  wordRight: ({ text, cursor }) => goRight(text, goRight(text, cursor, not(isWord)), isWord),
  /** Over spaces, then up to the next ones, as shells do for Ctrl-W. */
  spaceLeft: ({ text, cursor }) => goLeft(text, goLeft(text, cursor, isSpace), not(isSpace)),
} satisfies Record<string, (buffer: LineBuffer) => number>;

function goLeft(text: string, from: number, passes: (grapheme: string) => boolean): number {
  let at = from;
  while (at > 0) {
    const next = previousBoundary(text, at);
    if (!passes(text.slice(next, at))) break;
    at = next;
  }
  return at;
}

function goRight(text: string, from: number, passes: (grapheme: string) => boolean): number {
  let at = from;
  while (at < text.length) {
    const next = nextBoundary(text, at);
    if (!passes(text.slice(at, next))) break;
    at = next;
  }
  return at;
}

function startOfLine(text: string, index: number): number {
  return text.slice(0, index).lastIndexOf("\n") + 1;
}

/**
 * The same column one line up or down.
 *
 * @returns undefined when there is no such line
 */
export function verticalPlace(buffer: LineBuffer, direction: "up" | "down"): number | undefined {
  const { text, cursor } = buffer;
  const start = startOfLine(text, cursor);
  const column = cursor - start;
  if (direction === "up") {
    if (start === 0) return undefined;
    const above = startOfLine(text, start - 1);
    return atBoundary(text, Math.min(above + column, start - 1));
  }
  const end = places.lineEnd(buffer);
  if (end === text.length) return undefined;
  const below = text.indexOf("\n", end + 1);
  return atBoundary(text, Math.min(end + 1 + column, below < 0 ? text.length : below));
}

/** A column of another line can lie inside a grapheme of this one. */
function atBoundary(text: string, index: number): number {
  if (index === 0 || text[index - 1] === "\n") return index;
  const before = previousBoundary(text, index);
  return nextBoundary(text, before) === index ? index : before;
}
