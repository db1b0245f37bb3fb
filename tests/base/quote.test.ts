import { expect, test } from "bun:test";
import { quote } from "../../src/base/quote.ts";

test("quote() keeps foreign text on one line, short, and harmless in a terminal", () => {
  expect(quote("a.weight")).toBe('"a.weight"');
  expect(quote("\x1b[2Jx\ny\u202e")).toBe('"\\x1b[2Jx\\ny\\u202e"');
  expect(quote("abcdef", 3)).toBe('"abc…"');
});
