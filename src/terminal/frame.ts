import { type Cell, cellsOf } from "./graphemes.ts";
import type { LineBuffer } from "./line_buffer.ts";

/** What a part of the screen shows: rows of at most the terminal's width, and where the cursor stands. */
export interface Frame {
  readonly rows: readonly string[];
  readonly cursorRow: number;
  readonly cursorColumn: number;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What stands before the first line of an input and before those that follow. */
export interface Prompts {
  readonly first: string;
  readonly next: string;
}

/**
 * Cuts cells into rows. A character that does not fit goes to the next row whole.
 *
 * @param used columns of the first row that are taken
 */
export function wrapCells(cells: readonly Cell[], columns: number, used = 0): Cell[][] {
  const rows: Cell[][] = [[]];
  let width = used;
  for (const cell of cells) {
    if (width + cell.width > columns && width > 0) {
      rows.push([]);
      width = 0;
    }
    rows.at(-1)!.push(cell);
    width += cell.width;
  }
  return rows;
}

export interface WrappedRow {
  readonly shown: string;
  /** Where the next row begins in the text. */
  readonly end: number;
}

/** Text as rows of at most `columns`, its own line feeds kept. */
export function wrapText(text: string, columns: number): WrappedRow[] {
  let end = 0;
  return text.split("\n").flatMap((line) => {
    const rows = wrapCells(cellsOf(line), columns).map((row) => {
      end += row.reduce((sum, { length }) => sum + length, 0);
      return { shown: row.map(({ shown }) => shown).join(""), end };
    });
    // The line feed belongs to the last row of its line.
    return rows.with(-1, { ...rows.at(-1)!, end: ++end });
  });
}

/**
 * An input that is being written, as rows. Of one that is higher than the terminal those around the cursor are shown.
 *
 * @param below lines under the input: candidates of a completion, or a hint
 */
export function layOutInput(
  { text, cursor }: LineBuffer,
  prompts: Prompts,
  size: Size,
  below: readonly string[] = [],
): Frame {
  const columns = Math.max(1, size.columns);
  const height = Math.max(1, size.rows - 1);
  const lines = text.split("\n");
  const { line: cursorLine, column } = lineOf(lines, cursor);
  // A line takes at least a row: no more of them than the terminal has rows can be seen.
  const firstLine = Math.max(0, cursorLine - height);
  const rows: string[] = [];
  let cursorAt = { row: 0, column: 0 };
  for (let index = firstLine; index < Math.min(lines.length, cursorLine + height + 1); index++) {
    const prompt = index === 0 ? prompts.first : prompts.next;
    const laidOut = layOutLine(lines[index]!, prompt, columns);
    if (index === cursorLine) {
      const place = laidOut.placeOf(column);
      cursorAt = { row: rows.length + place.row, column: place.column };
    }
    rows.push(...laidOut.rows);
  }
  // The cursor behind a full row stands in a row of its own.
  while (rows.length <= cursorAt.row) rows.push("");
  rows.push(...below.flatMap((line) => wrapText(line, columns).map(({ shown }) => shown)));
  const top = Math.max(0, Math.min(cursorAt.row - Math.ceil(height / 2), rows.length - height));
  return {
    rows: rows.slice(top, top + height),
    cursorRow: cursorAt.row - top,
    cursorColumn: cursorAt.column,
  };
}

/** The line that a place of the text is in. */
function lineOf(lines: readonly string[], cursor: number): { line: number; column: number } {
  let column = cursor;
  let line = 0;
  while (column > lines[line]!.length) column -= lines[line++]!.length + 1;
  return { line, column };
}

interface LaidOutLine {
  readonly rows: readonly string[];
  /** Row and column of a place in the line; behind a full row it is the beginning of the next. */
  placeOf(index: number): { row: number; column: number };
}

function layOutLine(line: string, prompt: string, columns: number): LaidOutLine {
  const promptWidth = Bun.stringWidth(prompt);
  // In a terminal that is narrower than the prompt the text is what counts.
  const shownPrompt = promptWidth < columns ? prompt : "";
  const used = shownPrompt === "" ? 0 : promptWidth;
  const rows = wrapCells(cellsOf(line), columns, used);
  return {
    rows: rows.map((row, index) => (index === 0 ? shownPrompt : "") + row.map(({ shown }) => shown).join("")),
    placeOf(index) {
      let rest = index;
      for (const [row, cells] of rows.entries()) {
        let column = row === 0 ? used : 0;
        for (const { width, length } of cells) {
          if (rest < length) return { row, column };
          rest -= length;
          column += width;
        }
        const isLast = row === rows.length - 1;
        if (isLast) return column < columns ? { row, column } : { row: row + 1, column: 0 };
      }
      return { row: 0, column: used };
    },
  };
}
