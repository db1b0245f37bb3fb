import type { Frame } from "./frame.ts";

const nothing: Frame = { rows: [""], cursorRow: 0, cursorColumn: 0 };

/**
 * Keeps the lowest part of the screen, from the row that the cursor was in at the beginning, equal to a frame. Every
 * method gives what must be written to the terminal; only rows that changed are.
 */
export class Painter {
  #shown: Frame = nothing;

  /** Shows this frame instead of the last one. */
  paint(frame: Frame): string {
    const before = this.#shown;
    this.#shown = frame;
    let same = 0;
    while (same < before.rows.length && before.rows[same] === frame.rows[same]) same++;
    if (same === before.rows.length && same === frame.rows.length) {
      return moveRows(frame.cursorRow - before.cursorRow) + moveToColumn(frame.cursorColumn);
    }
    // Where nothing before it changed, the row that grew is written on.
    const old = before.rows[same];
    const grew = old !== undefined && same === before.rows.length - 1 && isPlain(old) &&
      frame.rows[same]?.startsWith(old);
    // From the last row that stays, so that a row more is a line feed, which scrolls.
    const from = grew ? same : Math.min(same, before.rows.length - 1, frame.rows.length - 1);
    const column = grew ? Bun.stringWidth(old) : 0;
    const rest = frame.rows.slice(from);
    if (grew) rest[0] = rest[0]!.slice(old.length);
    return moveRows(from - before.cursorRow) + moveToColumn(column) + (grew ? "" : "\x1b[J") +
      rest.join("\r\n") + moveRows(frame.cursorRow - (frame.rows.length - 1)) +
      moveToColumn(frame.cursorColumn);
  }

  /** The frame stays on the screen as it is; what follows begins in a new row. */
  finish(): string {
    const { rows, cursorRow } = this.#shown;
    this.#shown = nothing;
    return `${moveRows(rows.length - 1 - cursorRow)}\r\n`;
  }

  /** The frame vanishes; what follows begins where it began. */
  erase(): string {
    const { cursorRow } = this.#shown;
    this.#shown = nothing;
    return `${moveRows(-cursorRow)}\r\x1b[J`;
  }

  /** The first rows stay as they are and belong to the frame no more: they have left the screen, or will. */
  release(count: number): void {
    const { rows, cursorRow, cursorColumn } = this.#shown;
    this.#shown = { rows: rows.slice(count), cursorRow: cursorRow - count, cursorColumn };
  }

  /** The screen was emptied, and the cursor stands in its first row. */
  reset(): void {
    this.#shown = nothing;
  }

  /**
   * The terminal has another width: what was shown is erased, and painted anew by the next frame. A terminal that
   * became narrower has broken the rows that are too long for it.
   */
  resize(columns: number): string {
    const { rows, cursorRow, cursorColumn } = this.#shown;
    const heightOf = (width: number) => Math.max(1, Math.ceil(width / columns));
    const above = rows.slice(0, cursorRow).reduce((sum, row) => sum + heightOf(Bun.stringWidth(row)), 0);
    const up = above + Math.floor(cursorColumn / columns);
    this.#shown = nothing;
    return `${moveRows(-up)}\r\x1b[J`;
  }
}

/** A row with style cannot be written on: the style that it ended with is not known. */
function isPlain(row: string): boolean {
  return !row.includes("\x1b");
}

function moveRows(count: number): string {
  if (count === 0) return "";
  return count < 0 ? `\x1b[${-count}A` : `\x1b[${count}B`;
}

function moveToColumn(column: number): string {
  return column === 0 ? "\r" : `\r\x1b[${column}C`;
}
