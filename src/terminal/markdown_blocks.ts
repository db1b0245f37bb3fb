const fence = /^ {0,3}(`{3,}|~{3,})/;
const listItem = /^ {0,3}([-*+]|\d{1,9}[.)])( |$)/;

/**
 * Splits markdown that is still being written after its first finished block: a fenced code block after its closing
 * fence, everything else after a blank line. A list goes on over blank lines until a line comes that belongs to none.
 *
 * @returns undefined while the first block can still grow
 */
export function splitBlock(text: string): { block: string; rest: string } | undefined {
  const lines = text.split("\n");
  let open: string | undefined;
  let isList = false;
  let hasText = false;
  // The last line is not finished: a fence could still become longer.
  for (let index = 0; index < lines.length - 1; index++) {
    const line = lines[index]!;
    const mark = fence.exec(line)?.[1];
    if (open !== undefined) {
      if (mark === undefined || !closes(line, mark, open)) continue;
      open = undefined;
      if (!isList) return cut(lines, index + 1);
    } else if (mark !== undefined) {
      open = mark;
      hasText = true;
    } else if (line.trim() !== "") {
      isList ||= !hasText && listItem.test(line);
      hasText = true;
    } else if (hasText) {
      const next = lines.slice(index + 1).find((later) => later.trim() !== "");
      if (!isList) return cut(lines, index + 1);
      if (next !== undefined && /^[^\s\d*+-]/.test(next)) return cut(lines, index + 1);
    }
  }
  return undefined;
}

function closes(line: string, mark: string, open: string): boolean {
  return mark[0] === open[0] && mark.length >= open.length && line.trim() === mark;
}

function cut(lines: readonly string[], count: number): { block: string; rest: string } {
  return { block: lines.slice(0, count).join("\n"), rest: lines.slice(count).join("\n") };
}
