import { expect, test } from "bun:test";
import { Screen } from "./screen.ts";

function screenOf(text: string, columns = 8, rows = 4): Screen {
  const screen = new Screen(columns, rows);
  screen.write(text);
  return screen;
}

test("Screen breaks lines as late as terminals do", () => {
  const full = screenOf("abcdefgh");
  expect([full.text, full.cursor]).toEqual([["abcdefgh"], { row: 0, column: 7 }]);
  full.write("\r\ni");
  expect(full.text).toEqual(["abcdefgh", "i"]);
  expect(screenOf("abcdefghi").text).toEqual(["abcdefgh", "i"]);
  expect(screenOf("abcdefg漢").text).toEqual(["abcdefg", "漢"]);
});

test("Screen gives wide characters two columns and marks none", () => {
  expect(screenOf("漢e\u0301👨‍👩‍👧x").cursor.column).toBe(6);
  expect(screenOf("漢e\u0301👨‍👩‍👧x").text).toEqual(["漢e\u0301👨‍👩‍👧x"]);
});

test("Screen moves, erases and scrolls", () => {
  expect(screenOf("one\r\ntwo\x1b[1A\r\x1b[1CX").text).toEqual(["oXe", "two"]);
  expect(screenOf("one\r\ntwo\x1b[1A\r\x1b[1C\x1b[J").text).toEqual(["o"]);
  expect(screenOf("1\r\n2\r\n3\r\n4\r\n5").text).toEqual(["2", "3", "4", "5"]);
  expect(screenOf("1\r\n2\r\n3\r\n4\r\n5").everything).toEqual(["1", "2", "3", "4", "5"]);
  expect(screenOf("1\r\n2\x1b[9A\x1b[9Cx").text).toEqual(["1      x", "2"]);
  expect(screenOf("old\r\nold\x1b[H\x1b[2Jnew").text).toEqual(["new"]);
});

test("Screen breaks lines anew when its width changes, with the cursor where it was in the text", () => {
  const screen = screenOf("abcdefghij\r\nk", 8, 6);
  screen.resize(5, 6);
  expect([screen.text, screen.cursor]).toEqual([["abcde", "fghij", "k"], { row: 2, column: 1 }]);
  screen.resize(20, 6);
  expect([screen.text, screen.cursor]).toEqual([["abcdefghij", "k"], { row: 1, column: 1 }]);
});

test("Screen keeps modes and payloads apart from the text, and names what it does not know", () => {
  const screen = screenOf("\x1b[?2004h\x1b[>1ua\x1b[1;31mb\x1b[0m\x1b]52;c;QQ==\x07\x1b_Gx\x1b");
  screen.write("\\c\x1b[<u");
  expect(screen.text).toEqual(["abc"]);
  expect([...screen.modes]).toEqual(["?2004"]);
  expect(screen.strings).toEqual(["]52;c;QQ==", "_Gx"]);
  expect(screen.unknown).toEqual([]);
  expect(screenOf("\x1b[5n\x1bc\x01\x9b").unknown).toEqual([
    '"\\u001b[5n"',
    '"\\u001bc"',
    '"\\u0001"',
    '"\u009b"',
  ]);
});
