import { expect, test } from "bun:test";
import { builtinTemplate } from "../../src/chat/builtin_template.ts";
import type { Message } from "../../src/chat/message.ts";
import { renderPrompt } from "../../src/chat/prompt.ts";
import { compileChatTemplate } from "../../src/chat/template_file.ts";
import { toTemplateTurns } from "../../src/chat/tool_turns.ts";
import { textOf } from "./conversation.ts";

const user: Message = { role: "user", content: [{ type: "text", text: "Q" }] };
const picture: Message = {
  role: "user",
  content: [{ type: "image" }, { type: "text", text: "What is it?" }],
};
const tools = [{ type: "function", function: { name: "look_up" } }];
const call = (id: string) => ({ id, name: "look_up", arguments: { of: id } });
const result = (toolCallId: string | undefined, text: string): Message => ({
  role: "tool",
  content: [{ type: "text", text }],
  toolCallId,
});

test("toTemplateTurns() gives each of several calls its own message, before its result", () => {
  const both: Message = { role: "assistant", content: user.content, toolCalls: [call("a"), call("b")] };
  const results = [result("b", "second"), result(undefined, "other"), result("a", "first")];
  const turns = toTemplateTurns([user, both, ...results, user], {});
  expect(turns).toEqual([
    user,
    { ...both, toolCalls: [call("a")] },
    results[2]!,
    { ...both, content: [], toolCalls: [call("b")] },
    results[0]!,
    results[1]!,
    user,
  ]);
  const chat = compileChatTemplate(builtinTemplate, "", "test");
  const prompt = textOf(renderPrompt(chat, turns));
  const places = ['"of": "a"', '"first"', '"of": "b"', '"second"'].map((text) => prompt.indexOf(text));
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(places[0]).toBeGreaterThan(0);
});

test("toTemplateTurns() leaves single calls and their results as they are", () => {
  const single: Message = { role: "assistant", content: [], toolCalls: [call("a")] };
  const messages = [user, single, result("a", "first"), user];
  expect(toTemplateTurns(messages, { tools })).toEqual(messages);
});

test("toTemplateTurns() makes room for tools beside a picture, unless the caller says where they go", () => {
  const chat = compileChatTemplate(builtinTemplate, "", "test");
  const turns = toTemplateTurns([picture], { tools });
  expect(turns).toEqual([{ role: "system", content: [] }, picture]);
  const prompt = textOf(renderPrompt(chat, turns, { tools }));
  expect(prompt.indexOf("look_up")).toBeLessThan(prompt.indexOf("<|image|>"));
  expect(prompt).toContain("look_up");
  for (const options of [{}, { tools, toolsInUserMessage: true }]) {
    expect(toTemplateTurns([picture], options)).toEqual([picture]);
  }
  expect(toTemplateTurns([user, picture], { tools })).toEqual([user, picture]);
});
