import { describe, expect, test } from "bun:test";
import { findMentions, removeMentions } from "../../../src/cli/chat/mentions.ts";
import { testLimitMs } from "../../support/test_limit.ts";

describe("findMentions()", () => {
  const cases: readonly (readonly [text: string, paths: readonly string[], rest: string])[] = [
    ["what is this?", [], "what is this?"],
    ["/a/cat.png what is this?", ["/a/cat.png"], "what is this?"],
    ["compare a.png and b.JPEG, please", ["a.png", "b.JPEG"], "compare and, please"],
    ["@a.webp", ["a.webp"], ""],
    ['@"my cat.png" or "no picture"', ["my cat.png"], 'or "no picture"'],
    ["my\\ \\(old\\)\\ cat.png", ["my (old) cat.png"], ""],
    ["C:\\Users\\me\\cat.png", ["C:\\Users\\me\\cat.png"], ""],
    ["'it''s.png'", [], "'it''s.png'"],
    ["'/a/it'\\''s.png' what?", ["/a/it's.png"], "what?"],
    [`'/a/it'"'"'s my.png'`, ["/a/it's my.png"], ""],
    ["what does ./configure do :)", [], "what does ./configure do :)"],
    ["see a.png ./b", ["a.png"], "see ./b"],
    ["don't mix 'a.png', isn't it", ["a.png"], "don't mix, isn't it"],
    ["/a/photo and/or ./this", ["/a/photo"], "and/or ./this"],
    ["file:///a/my%20cat.png?", ["/a/my cat.png"], "?"],
    ["file://localhost/a/100%.png", ["/a/100%.png"], ""],
    ["~/cat.gif", ["/her/cat.gif"], ""],
    ["mail@cat.png.example", [], "mail@cat.png.example"],
    ["@home and @./folder/thing", ["./folder/thing"], "@home and"],
    ["first line a.png\nsecond line", ["a.png"], "first line \nsecond line"],
    ["a.png\tb.bmp", ["a.png", "b.bmp"], ""],
  ];
  test.each(cases)("%j", (text, paths, rest) => {
    const mentions = findMentions(text, "/her");
    expect(mentions.map(({ path }) => path)).toEqual([...paths]);
    expect(removeMentions(text, mentions)).toBe(rest);
  });

  test("takes a time that grows with the text, not with its square", () => {
    const started = performance.now();
    for (const piece of ["a", '"', "'", "'\\''", "' ", "\\ ", "@", "a.png ", "!"]) {
      findMentions(`${piece.repeat(100_000)}a`, "/her");
    }
    // A square would take minutes.
    expect(performance.now() - started).toBeLessThan(30_000);
  }, testLimitMs);
});
