import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { splitBlock } from "../../src/terminal/markdown_blocks.ts";
import { MarkdownStream } from "../../src/terminal/markdown_stream.ts";
import { Screen } from "../support/screen.ts";

/** Streams these pieces to a screen and gives what it shows then. */
function show(pieces: readonly string[], { columns = 40, rows = 24, colors = true } = {}): Screen {
  const screen = new Screen(columns, rows);
  const stream = new MarkdownStream({ size: () => screen, colors });
  for (const piece of pieces) screen.write(stream.push(piece));
  screen.write(stream.end());
  return screen;
}

describe("splitBlock()", () => {
  const cases: readonly (readonly [text: string, block: string | undefined])[] = [
    ["one", undefined],
    ["one\n", undefined],
    ["one\n\ntwo", "one\n"],
    ["\n\none\n\n", "\n\none\n"],
    ["```\na\n\nb\n", undefined],
    ["```\na\n\nb\n```\nrest", "```\na\n\nb\n```"],
    ["````\n```\n\n````\n", "````\n```\n\n````"],
    ["~~~\n```\n~~~\n", "~~~\n```\n~~~"],
    ["text\n```\na\n```\n", "text\n```\na\n```"],
    ["- a\n\n- b\n\n", undefined],
    ["- a\n\n  more\n\nend", "- a\n"],
    ["1. a\n\n2. b\n\nend", "1. a\n\n2. b\n"],
  ];
  test.each(cases)("%j", (text, block) => {
    const split = splitBlock(text);
    if (text.startsWith("- a\n\n  more")) expect(split?.rest).toBe("end");
    else expect(split?.block).toBe(block);
    if (split) expect(`${split.block}\n${split.rest}`).toBe(text);
  });
});

describe("MarkdownStream", () => {
  const answer =
    "# Title\n\nSome **bold** and `code` 漢字.\n\n- one\n- two\n\n```js\nlet x = 1;\n```\nEnd, and a line that is longer than the screen is wide.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";

  test("shows finished blocks as what they mean", () => {
    const { text, unknown } = show([answer]);
    expect(text.slice(0, 8)).toEqual([
      "Title",
      "═════",
      "",
      "Some bold and code 漢字.",
      "",
      "  • one",
      "  • two",
      "",
    ]);
    expect(text).toContain("│ let x = 1;");
    expect(text.at(-1)).toBe("└─────┴─────┘".slice(0, text.at(-1)!.length));
    expect(unknown).toEqual([]);
  });

  test("shows where a link leads, and an address that is a link once", () => {
    const text = "See https://a.example/x, www.b.example, me@c.example and [bank](https://evil.example).";
    for (const colors of [true, false]) {
      expect(show([text], { columns: 200, colors }).text).toEqual([text.replace("[bank]", "bank ")]);
    }
  });

  test("shows the same however the text comes", () => {
    const whole = show([answer]).everything;
    fc.assert(
      fc.property(fc.array(fc.nat(answer.length), { maxLength: 30 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), answer.length];
        expect(show(places.slice(1).map((end, i) => answer.slice(places[i]!, end))).everything).toEqual(
          whole,
        );
      }),
      { numRuns: 60 },
    );
  });

  test("shows an open block as it comes, at the place where it will stay", () => {
    const screen = new Screen(20, 10);
    const stream = new MarkdownStream({ size: () => screen, colors: false });
    screen.write(stream.push("first\n\nsecond **bo"));
    expect(screen.text).toEqual(["first", "", "second **bo"]);
    screen.write(stream.push("ld**\r"));
    screen.write(stream.push("\n"));
    expect(screen.text).toEqual(["first", "", "second **bold**"]);
    screen.write(stream.end());
    expect(screen.text).toEqual(["first", "", "second bold"]);
    expect(screen.cursor).toEqual({ row: 3, column: 0 });
  });

  test("leaves a block that is higher than the screen as it came, each line once", () => {
    const lines = Array.from({ length: 50 }, (_, i) => `line ${i}`);
    const code = ["```", ...lines, "```"];
    const pieces = `before\n\n${code.join("\n")}\nafter`.match(/[^]{1,7}/g)!;
    expect(show(pieces, { columns: 20, rows: 10 }).everything).toEqual(["before", "", ...code, "", "after"]);
  });

  test("goes on after a change of size, each line once", () => {
    const screen = new Screen(20, 8);
    const stream = new MarkdownStream({ size: () => screen, colors: false });
    const words = Array.from({ length: 60 }, (_, i) => `w${i}`);
    for (const [index, word] of words.entries()) {
      screen.write(stream.push(`${word} `));
      if (index % 20 === 10) {
        screen.resize(10 + index, 8);
        screen.write(stream.resize());
      }
    }
    screen.write(stream.end());
    expect(screen.everything.join(" ").match(/w\d+/g)!.length).toBeGreaterThanOrEqual(words.length - 2);
    expect(screen.everything.join("").replaceAll(/\s/g, "")).toContain(words.slice(-5).join(""));
  });

  test("passes no control character of the text, in one piece or in many (C03)", () => {
    const parts = fc.constantFrom(
      "\x1b",
      "]52;c;QUJD",
      "\x07",
      "[2J",
      "[31m",
      "]8;;http://x\x1b\\",
      "\u009b",
      "\u202e",
      "\x1bP",
      "\x1b_G",
      "&#27;",
      "&#x9b;",
      "&#x202e;",
      "a",
      "\n",
      "\n\n",
      "```",
      "`",
      "**",
      "[l](http://x/\x1b[2J)",
      "![i](/etc/passwd)",
      "\r",
      "\b",
      "| a |\n|---|\n",
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 25 }), fc.boolean(), (pieces, colors) => {
        const screen = new Screen(40, 24);
        const stream = new MarkdownStream({ size: () => screen, colors });
        let output = "";
        for (const piece of pieces) output += stream.push(piece);
        output += stream.end();
        // What may be there are the painter's own moves, its erasing of what is below, and style.
        // deno-lint-ignore no-control-regex -- control characters are what this is about
        const withoutMoves = output.replaceAll(/\x1b\[\d+[ABC]|\x1b\[J|[\r\n]/g, "");
        // deno-lint-ignore no-control-regex -- see above
        const rest = colors ? withoutMoves.replaceAll(/\x1b\[[\d;]*m/g, "") : withoutMoves;
        // deno-lint-ignore no-control-regex -- see above
        expect(rest).not.toMatch(/[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/);
      }),
      { numRuns: 400 },
    );
  });
});
