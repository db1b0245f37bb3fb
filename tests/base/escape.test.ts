import { expect, test } from "bun:test";
import { escapeControls, escapeLine } from "../../src/base/escape.ts";

test("escapeControls() makes every character visible that a terminal would obey", () => {
  expect(escapeControls("\x1b]0;title\x07")).toBe("\\x1b]0;title\\x07");
  expect(escapeControls("a\x00b\rc\x7fd\x9be\u202ef\u2066g\u061ch")).toBe(
    "a\\x00b\\x0dc\\x7fd\\x9be\\u202ef\\u2066g\\u61ch",
  );
});

test("escapeControls() leaves text, tabs, line feeds and joined emoji alone", () => {
  const text = "line\n\ttab é 漢字 👨‍👩‍👧 \u00a0";
  expect(escapeControls(text)).toBe(text);
});

test("escapeControls() leaves nothing below U+00A0 but printable ASCII, tab and line feed", () => {
  const all = Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code)).join("");
  expect(escapeControls(all).replace(/[\t\n\x20-\x7e]/g, "")).toBe("");
});

test("escapeLine() keeps foreign text from beginning a line", () => {
  expect(escapeLine("a\nerror: forged")).toBe("a\\nerror: forged");
});
