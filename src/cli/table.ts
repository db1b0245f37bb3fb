import { wrapWords } from "../terminal/wrap_words.ts";

/** A row of more cells cannot be read in a terminal that has no room for it. */
const mostWrapped = 3;

/**
 * Rows of cells in columns, as wide as their widest cell; the last one is not padded.
 *
 * @param columns the width of the terminal: a table that is wider is wrapped between words, one of many columns becomes
 * a list of each row's cells
 */
export function formatTable(rows: readonly (readonly string[])[], columns?: number): string {
  const table = alignCells(rows);
  const widest = Math.max(...table.split("\n").map((line) => Bun.stringWidth(line)));
  if (columns === undefined || widest <= columns) return table;
  const [head, ...body] = rows;
  if (head!.length <= mostWrapped) return wrapWords(table, columns);
  return body.map((cells) => wrapWords(alignCells(head!.map((name, i) => [name, cells[i]!])), columns)).join(
    "\n",
  );
}

function alignCells(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => Bun.stringWidth(row[column]!))));
  const pad = (cell: string, column: number) =>
    cell + " ".repeat(Math.max(0, widths[column]! - Bun.stringWidth(cell)));
  return rows.map((row) => `${row.map(pad).join("  ").trimEnd()}\n`).join("");
}
