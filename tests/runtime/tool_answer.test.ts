import { expect, test } from "bun:test";
import { join } from "node:path";
import { Answer, type AnswerOptions } from "../../src/runtime/answer.ts";
import { type AnswerPart, ToolAnswer } from "../../src/runtime/tool_answer.ts";
import { openTokenizer } from "../../src/tokenizer/tokenizer.ts";
import { goldensRoot } from "../support/goldens.ts";

const tokenizer = openTokenizer(join(goldensRoot, "checkpoints/tiny-mllama"));
const tag = tokenizer.controlId("<|python_tag|>")!;
const functions = ["look", "add"].map((name) => ({ name, strict: false }));
const look = '{"name": "look", "parameters": {"at": "é😀"}}';

interface Choice {
  readonly parallel?: boolean;
  readonly stop?: readonly string[];
  readonly callable?: boolean;
}

/** Plays the answers' texts, a number being an id, token by token, until the answer stops or there is no more. */
function play(
  texts: readonly (string | number)[],
  { parallel = true, stop = [], callable = true }: Choice = {},
) {
  const options: AnswerOptions = { stop, stopIds: new Set(), minTokens: 0 };
  const choice = callable ? { mode: "auto" as const, functions, parallel } : undefined;
  const answer = new ToolAnswer(new Answer(tokenizer, options), choice, tag);
  const ids = texts.flatMap((text) =>
    typeof text === "number" ? [text] : tokenizer.encodeSegments([{ text, control: false }])
  );
  const parts: AnswerPart[] = [];
  let taken = 0;
  for (const id of ids) {
    if (answer.stopped) break;
    taken++;
    parts.push(...answer.push(id, { logprob: -1, top: [] }));
  }
  if (!answer.stopped) parts.push(...answer.flush());
  const text = parts.map((part) => part.type === "text" ? part.text : "").join("");
  const tokens = parts.flatMap((part) => part.type === "text" ? part.tokens : []);
  const calls = parts.flatMap((part) => {
    if (part.type !== "tool_call") return [];
    const pieces = parts.filter((other) => other.type === "tool_arguments" && other.index === part.index);
    return [[part.name, pieces.map((piece) => piece.type === "tool_arguments" ? piece.text : "").join("")]];
  });
  const bytes = Buffer.concat(tokens.map((token) => token.bytes ?? new Uint8Array())).toString();
  return {
    parts,
    text,
    calls,
    tokenText: bytes,
    isWhole: taken === ids.length,
    reason: answer.finishReason("stop"),
    cut: answer.finishReason("length"),
  };
}

test("ToolAnswer finds calls in tokens, and says that the answer ended with them", () => {
  const { text, calls, reason, cut } = play([`${look}; {"name": "add", "parameters": {}}`]);
  expect({ text, calls, reason, cut }).toEqual({
    text: "",
    calls: [["look", '{"at": "é😀"}'], ["add", "{}"]],
    reason: "tool_calls",
    cut: "length",
  });
});

test("ToolAnswer gives every call an id and a number", () => {
  const { parts } = play([`${look}${look}`]);
  const calls = parts.filter((part) => part.type === "tool_call");
  expect(calls.map(({ index }) => index)).toEqual([0, 1]);
  for (const { id } of calls) expect(id).toMatch(/^call_[0-9a-f]{32}$/);
  expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
});

test("ToolAnswer hears the tag, which has no text", () => {
  expect(play([tag, "add(a=1)"]).calls).toEqual([["add", '{"a": 1}']]);
  expect(play(["add(a=1)"]).calls).toEqual([]);
  expect(play([tag, "print(1)"])).toMatchObject({ text: "print(1)", calls: [], reason: "stop" });
});

test("ToolAnswer ends with its first call where there may be no more (D37)", () => {
  const { calls, isWhole, reason } = play([`${look}; ${look}`], { parallel: false });
  expect({ calls, isWhole, reason }).toEqual({
    calls: [["look", '{"at": "é😀"}']],
    isWhole: false,
    reason: "tool_calls",
  });
});

test("ToolAnswer leaves text with its tokens, and calls without (D24)", () => {
  for (const text of ["Hello é😀", '{"name": "nobody", "parameters": {}}', "[add, {] <function"]) {
    expect(play([text])).toMatchObject({ text, tokenText: text, calls: [], reason: "stop" });
  }
  const mixed = play(["Both: ", look, " and", " more"]);
  expect(mixed.text).toBe("Both:  and more");
  expect(mixed.tokenText).toBe(mixed.text);
});

test("ToolAnswer is text alone where nothing may be called", () => {
  expect(play([look], { callable: false })).toMatchObject({
    text: look,
    tokenText: look,
    calls: [],
    reason: "stop",
  });
});

test("ToolAnswer gives what was held back when a stop text ends it", () => {
  expect(play(['{"name": "look" END more'], { stop: ["END"] })).toMatchObject({
    text: '{"name": "look" ',
    calls: [],
    isWhole: false,
    reason: "stop",
  });
});
