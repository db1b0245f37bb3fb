import { wrapCells } from "./frame.ts";
import { type Cell, cellsOf } from "./graphemes.ts";

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
  return widthOfCells(cellsOf(text));
}

function widthOfCells(cells: readonly Cell[]): number {
  return cells.reduce((sum, { width }) => sum + width, 0);
}

/** One line as rows, of which all but the first are indented. A word that no row has room for is cut. */
function fill(line: string, columns: number, indent: number): string[] {
  const margin = " ".repeat(indent);
  const rows: string[] = [];
  let row = "";
  let width = 0;
  /** Before the next word; where a row ends they go. */
  let spaces = "";
  // Each run is looked at once: in a pattern of both, one that ends the line would be looked at from each of its spaces.
  for (const [run] of line.matchAll(/ +|[^ ]+/g)) {
    if (run.startsWith(" ")) {
      spaces = run;
      continue;
    }
    const cells = cellsOf(run);
    const longer = width + spaces.length + widthOfCells(cells);
    if (longer <= columns) {
      row += spaces + run;
      width = longer;
    } else {
      if (row !== "") rows.push(row);
      const start = row === "" ? spaces.slice(0, indent) : margin;
      const pieces = wrapCells(cells, Math.max(1, columns - start.length));
      const cut = pieces.map((cells) => start + cells.map(({ shown }) => shown).join(""));
      rows.push(...cut.slice(0, -1));
      row = cut.at(-1)!;
      width = start.length + widthOfCells(pieces.at(-1)!);
    }
    spaces = "";
  }
  return [...rows, row];
}
