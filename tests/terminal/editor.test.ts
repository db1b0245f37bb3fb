import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  applyCompletion,
  type EditorAction,
  type EditorState,
  newEditor,
  pressKey,
  shownBuffer,
} from "../../src/terminal/editor.ts";
import type { Key } from "../../src/terminal/keys.ts";

const history = ["first", "second one", "third"];

/** Presses keys: texts are typed, `<…>` is a key, `[…]` a paste. */
function press(
  keys: string,
  start: EditorState = newEditor(history),
): { state: EditorState; actions: EditorAction[] } {
  let state = start;
  const actions: EditorAction[] = [];
  for (const [, name, paste, text] of keys.matchAll(/<([^>]+)>|\[([^\]]*)\]|([^<[]+)/g)) {
    const key: Key = name !== undefined
      ? { type: "named", name }
      : paste !== undefined
      ? { type: "paste", text: paste }
      : { type: "text", text: text! };
    const step = pressKey(
      state,
      key,
      (written) => written.endsWith("\\") ? `${written.slice(0, -1)}\n` : undefined,
    );
    state = step.state;
    if (step.action) actions.push(step.action);
  }
  return { state, actions };
}

/** The text with a bar where the cursor is. */
function written(keys: string): string {
  const { text, cursor } = shownBuffer(press(keys).state).buffer;
  return `${text.slice(0, cursor)}|${text.slice(cursor)}`;
}

describe("pressKey()", () => {
  const cases: readonly (readonly [keys: string, text: string])[] = [
    ["hello", "hello|"],
    ["hello<left><left>", "hel|lo"],
    ["hello<ctrl-b><ctrl-b><ctrl-f>", "hell|o"],
    ["hello<home>x", "x|hello"],
    ["hello<ctrl-a>x<ctrl-e>y", "xhelloy|"],
    ["one two<alt-b>", "one |two"],
    ["one two  <alt-b><alt-b><alt-f>", "one| two  "],
    ["one two<ctrl-left><ctrl-right>", "one two|"],
    ["one /a/b.png<ctrl-w>", "one |"],
    ["one /a/b.png<alt-backspace>", "one /a/b.|"],
    ["one two<home><alt-d>", "| two"],
    ["one two<alt-b><ctrl-k>", "one |"],
    ["one two<alt-b><ctrl-u>", "|two"],
    ["one two<ctrl-w><ctrl-a><ctrl-y>", "two|one "],
    ["hello<backspace><ctrl-h>", "hel|"],
    ["hello<home><delete><ctrl-d>", "|llo"],
    ["a<alt-enter>b<shift-enter>c<ctrl-j>d", "a\nb\nc\nd|"],
    ["a\\<enter>b", "a\nb|"],
    ["one<alt-enter>three<up>X", "oneX|\nthree"],
    ["one<alt-enter>3<up><ctrl-e><down>", "one\n3|"],
    ["one<alt-enter>two<ctrl-a><ctrl-k>", "one\n|"],
    ["one<alt-enter>two<up><ctrl-e><ctrl-k>", "one|two"],
    ["[a\nb]c", "a\nbc|"],
    ["👨‍👩‍👧x<left><backspace>", "|x"],
    ["e\u0301<backspace>", "|"],
    ["漢字<left>x", "漢x|字"],
    ["draft<up>", "third|"],
    ["draft<up><up><down><down>", "draft|"],
    ["<ctrl-p><ctrl-p><ctrl-p><ctrl-p>", "first|"],
    ["abc<ctrl-c>", "|"],
    ["<ctrl-r>sec", "|second one"],
    ["<ctrl-r>s<ctrl-r>", "fir|st"],
    ["<ctrl-r>s<ctrl-r><ctrl-s>", "|second one"],
    ["<ctrl-r>second<left>", "second one|"],
    ["<ctrl-r>sx<backspace><end>", "second one|"],
    ["draft<ctrl-r>first<escape>", "draft|"],
    ["draft<ctrl-r>first<ctrl-g>", "draft|"],
    ["<ctrl-r>nothing<enter>", "|"],
    ["<home><left><up><up><up><up><up><down><down><down><down>", "|"],
  ];
  test.each(cases)("%j gives %j", (keys, text) => expect(written(keys)).toBe(text));

  test("asks for what a terminal must do", () => {
    expect(press("hi<enter>").actions).toEqual(["submit"]);
    expect(press("hi\\<enter><enter>").actions).toEqual(["submit"]);
    expect(press("<ctrl-c>").actions).toEqual(["interrupt"]);
    expect(press("a<ctrl-c>").actions).toEqual([]);
    expect(press("<ctrl-d>").actions).toEqual(["end"]);
    expect(press("a<ctrl-d>").actions).toEqual([]);
    expect(press("<ctrl-g><ctrl-l><tab><ctrl-z>").actions).toEqual([
      "open_editor",
      "clear_screen",
      "complete",
      "suspend",
    ]);
    expect(press("<ctrl-r>second<enter>")).toMatchObject({
      actions: ["submit"],
      state: { buffer: { text: "second one" } },
    });
  });

  test("keeps the cursor between two characters, whatever is pressed", () => {
    const names = [
      "left",
      "right",
      "up",
      "down",
      "home",
      "end",
      "backspace",
      "delete",
      "alt-b",
      "alt-f",
      "ctrl-w",
      "ctrl-k",
      "ctrl-u",
      "ctrl-y",
      "alt-enter",
      "ctrl-r",
      "ctrl-c",
    ];
    const keys = fc.oneof(
      fc.constantFrom(...names).map((name) => `<${name}>`),
      fc.constantFrom("a", " ", "漢", "👨‍👩‍👧", "e\u0301", "/"),
    );
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 40 }), (pressed) => {
        const { text, cursor } = press(pressed.join("")).state.buffer;
        const boundaries = [...new Intl.Segmenter().segment(text)].map(({ index }) => index).concat(
          text.length,
        );
        expect(boundaries).toContain(cursor);
      }),
      { numRuns: 300 },
    );
  });
});

describe("applyCompletion()", () => {
  const complete = (text: string, from: number, ...candidates: string[]) => {
    const { buffer, below } = applyCompletion(press(text).state, { from, candidates });
    return [buffer.text, ...below];
  };
  test("writes the only candidate, else what all have in common, else lists them", () => {
    expect(complete("/he", 0, "/help ")).toEqual(["/help "]);
    expect(complete("/s", 0, "/save ", "/set ", "/show ")).toEqual(["/s", "save   set   show "]);
    expect(complete("@ca", 1, "cat_1.png ", "cat_2.png ")).toEqual(["@cat_"]);
    expect(complete("@cat_", 1, "cat_1.png ", "cat_2.png ")).toEqual(["@cat_", "cat_1.png   cat_2.png "]);
    expect(complete("x", 0)).toEqual(["x"]);
  });
});
