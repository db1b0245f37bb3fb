import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { layOutInput, wrapText } from "../../src/terminal/frame.ts";
import { bufferOf } from "../../src/terminal/line_buffer.ts";
import { Painter } from "../../src/terminal/painter.ts";
import { Screen } from "../support/screen.ts";

const prompts = { first: ">>> ", next: "... " };

function frameOf(text: string, cursor: number, columns: number, rows: number, below: readonly string[] = []) {
  return layOutInput({ text, cursor }, prompts, { columns, rows }, below);
}

describe("layOutInput()", () => {
  test("puts prompts before lines and breaks those that are too long", () => {
    const frame = frameOf("abcdef\nxy", 9, 8, 24);
    expect(frame).toEqual({ rows: [">>> abcd", "ef", "... xy"], cursorRow: 2, cursorColumn: 6 });
  });

  test("moves a wide character that does not fit to the next row", () => {
    expect(frameOf("a漢字", 3, 7, 24)).toEqual({ rows: [">>> a漢", "字"], cursorRow: 1, cursorColumn: 2 });
    expect(frameOf("ab漢字", 4, 7, 24)).toEqual({ rows: [">>> ab", "漢字"], cursorRow: 1, cursorColumn: 4 });
  });

  test("puts the cursor behind a full row into the next one", () => {
    expect(frameOf("abcd", 4, 8, 24)).toEqual({ rows: [">>> abcd", ""], cursorRow: 1, cursorColumn: 0 });
  });

  test("shows the rows around the cursor of what is higher than the terminal", () => {
    const text = Array.from({ length: 5000 }, (_, i) => `line ${i}`).join("\n");
    const { rows, cursorRow } = layOutInput(bufferOf(text), prompts, { columns: 40, rows: 10 });
    expect(rows.length).toBe(9);
    expect(rows[cursorRow]).toBe("... line 4999");
    expect(frameOf(text, 0, 40, 10)).toMatchObject({ cursorRow: 0, cursorColumn: 4 });
    expect(frameOf(text, 0, 40, 10).rows[0]).toBe(">>> line 0");
  });

  test("shows controls by their codes and leaves the prompt out of a terminal without room", () => {
    expect(frameOf("a\x1b[2J\tb\u202e", 0, 40, 24).rows).toEqual([">>> a\\x1b[2J    b\\u202e"]);
    expect(frameOf("ab", 2, 1, 24).rows).toEqual(["a", "b", ""]);
  });
});

test("wrapText() says where each row begins in the text", () => {
  expect(wrapText("abcd\n\n漢字e", 3)).toEqual([
    { shown: "abc", end: 3 },
    { shown: "d", end: 5 },
    { shown: "", end: 6 },
    { shown: "漢", end: 7 },
    { shown: "字e", end: 10 },
  ]);
});

describe("Painter", () => {
  const text = fc.array(fc.constantFrom("a", "bc ", "漢", "👨‍👩‍👧", "\n", "\t"), { maxLength: 30 }).map((parts) =>
    parts.join("")
  );

  test("shows each of a row of frames as if it were the first", () => {
    fc.assert(
      fc.property(
        fc.array(text, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 6, max: 20 }),
        (texts, columns) => {
          const screen = new Screen(columns, 12);
          screen.write("above\r\n");
          const painter = new Painter();
          for (const shown of texts) {
            const frame = layOutInput(bufferOf(shown), prompts, { columns, rows: 12 });
            screen.write(painter.paint(frame));
            const rows = frame.rows.map((row) => row.trimEnd());
            while (rows.at(-1) === "") rows.pop();
            expect(screen.text.slice(screen.text.length - rows.length)).toEqual(rows);
            expect(screen.everything[0]).toBe("above");
            expect(screen.cursor.column).toBe(frame.cursorColumn);
          }
          expect(screen.unknown).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("paints anew after a change of width, and leaves what stands above", () => {
    fc.assert(
      fc.property(
        text,
        fc.integer({ min: 4, max: 30 }),
        fc.integer({ min: 4, max: 30 }),
        (shown, before, after) => {
          const screen = new Screen(before, 40);
          screen.write("top\r\n");
          const painter = new Painter();
          screen.write(painter.paint(layOutInput(bufferOf(shown), prompts, { columns: before, rows: 40 })));
          screen.resize(after, 40);
          screen.write(painter.resize(after));
          const frame = layOutInput(bufferOf(shown), prompts, { columns: after, rows: 40 });
          screen.write(painter.paint(frame));
          const rows = ["top", ...frame.rows.map((row) => row.trimEnd())];
          while (rows.at(-1) === "") rows.pop();
          expect(screen.text).toEqual(rows);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("writes no more than what was added to a row", () => {
    const painter = new Painter();
    painter.paint({ rows: ["one"], cursorRow: 0, cursorColumn: 3 });
    expect(painter.paint({ rows: ["one two"], cursorRow: 0, cursorColumn: 7 })).toBe(
      "\r\x1b[3C two\r\x1b[7C",
    );
  });
});
