/** Rows of cells in columns, as wide as their widest cell; the last one is not padded. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => Bun.stringWidth(row[column]!))));
  const pad = (cell: string, column: number) =>
    cell + " ".repeat(Math.max(0, widths[column]! - Bun.stringWidth(cell)));
  return rows.map((row) => `${row.map(pad).join("  ").trimEnd()}\n`).join("");
}
