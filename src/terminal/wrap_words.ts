import { wrapCells } from "./frame.ts";
import { cellsOf } from "./graphemes.ts";

/** How far an explanation stands in under the word that it explains. */
const stackedIndent = 4;

/** A line of a list: a word, and what it means behind two spaces or more. */
interface Entry {
  readonly label: string;
  readonly gap: string;
  readonly meaning: string;
}

/**
 * Text whose lines are broken between words, where they are wider than the terminal. What follows in a list stands
 * under what it follows; where the words of a list leave too little room, the meanings stand below them.
 */
export function wrapWords(text: string, columns: number): string {
  const lines = text.split("\n");
  const half = Math.floor(columns / 2);
  const isStacked = lines.some((line) => {
    const entry = entryOf(line);
    return entry !== undefined && widthOf(line) > columns && indentOf(entry) > half;
  });
  return lines.flatMap((line) => {
    const entry = entryOf(line);
    if (isStacked && entry !== undefined) {
      const indent = Math.min(stackedIndent, half);
      return [...fill(entry.label, columns, 0), ...fill(" ".repeat(indent) + entry.meaning, columns, indent)];
    }
    if (widthOf(line) <= columns) return [line];
    const indent = entry === undefined ? /^ */.exec(line)![0].length : indentOf(entry);
    return fill(line, columns, Math.min(indent, half));
  }).join("\n");
}

function entryOf(line: string): Entry | undefined {
  const [, label, gap, meaning] = /^( *[^ ]+(?: [^ ]+)*)( {2,})([^ ].*)$/.exec(line) ?? [];
  return label === undefined ? undefined : { label, gap: gap!, meaning: meaning! };
}

function indentOf({ label, gap }: Entry): number {
  return widthOf(label) + gap.length;
}

function widthOf(text: string): number {
  return cellsOf(text).reduce((sum, { width }) => sum + width, 0);
}

/** One line as rows, of which all but the first are indented. A word that no row has room for is cut. */
function fill(line: string, columns: number, indent: number): string[] {
  const margin = " ".repeat(indent);
  const rows = [""];
  // Each with the spaces before it, which go where the row ends.
  for (const [, spaces, word] of line.matchAll(/( *)([^ ]+)/g)) {
    const row = rows.at(-1)!;
    if (widthOf(row + spaces + word) <= columns) {
      rows[rows.length - 1] = row + spaces + word;
      continue;
    }
    const isFirst = row === "";
    if (!isFirst && row !== margin) rows.push(margin);
    rows.length--;
    const start = isFirst ? spaces!.slice(0, indent) : margin;
    const pieces = wrapCells(cellsOf(word!), Math.max(1, columns - start.length));
    rows.push(...pieces.map((cells) => start + cells.map(({ shown }) => shown).join("")));
  }
  return rows;
}
