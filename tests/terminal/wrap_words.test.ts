import { expect, setDefaultTimeout, test } from "bun:test";
import { wrapWords } from "../../src/terminal/wrap_words.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

test("wrapWords() breaks between words, and keeps lines that fit as they are", () => {
  expect(wrapWords("a  b   c\n\none two three", 8)).toBe("a  b   c\n\none two\nthree");
  expect(wrapWords("  one two", 7)).toBe("  one\n  two");
});

test("wrapWords() keeps what follows in a list under what it follows", () => {
  expect(wrapWords("/a  one two three\n/bc  four", 12)).toBe("/a  one two\n    three\n/bc  four");
});

test("wrapWords() puts the meanings of a list below its words, where these leave too little room", () => {
  expect(wrapWords("/command X  one two\n/b          three", 16)).toBe(
    "/command X\n    one two\n/b\n    three",
  );
});

test("wrapWords() cuts a word that no row has room for, between characters", () => {
  expect(wrapWords("see /a/long/path now", 6)).toBe("see\n/a/lon\ng/path\nnow");
  expect(wrapWords("漢字漢字", 5)).toBe("漢字\n漢字");
  expect(wrapWords("ab  cd", 1)).toBe("a\nb\nc\nd");
});

test("wrapWords() takes a time that grows with the text, not with its square", () => {
  // A square would take many minutes.
  for (const text of [" ".repeat(1_000_000), `a${" ".repeat(1_000_000)}`, `a${" ".repeat(1_000_000)}b`]) {
    expect(wrapWords(text, 80).replaceAll(/\s/g, "")).toBe(text.replaceAll(" ", ""));
  }
  expect(wrapWords("a  b ".repeat(200_000), 80).replaceAll(/\s/g, "")).toBe("ab".repeat(200_000));
});

test.each([1, 2, 3, 7, 20, 40, 80])(
  "wrapWords() fills no row with more than %i columns, and loses no word",
  (columns) => {
    const text =
      "/set [NAME VALUE]   change how answers are made\n  indented, and long\n>>> 漢字漢字 a_long_word_that_is_cut";
    const wrapped = wrapWords(text, columns);
    for (const row of wrapped.split("\n")) {
      expect(Bun.stringWidth(row)).toBeLessThanOrEqual(
        Math.max(2, columns),
      );
    }
    expect(wrapped.replaceAll(/\s/g, "")).toBe(text.replaceAll(/\s/g, ""));
  },
);
