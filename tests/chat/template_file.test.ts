import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ModelError } from "../../src/base/errors.ts";
import { openChatTemplate } from "../../src/chat/template_file.ts";

let directory = "";
beforeEach(() => directory = mkdtempSync(join(tmpdir(), "llamav-template-")));
afterEach(() => rmSync(directory, { recursive: true }));

const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
const opened = () => openChatTemplate(directory, "<bos>").template.render({});

test("openChatTemplate() prefers chat_template.jinja to chat_template.json to tokenizer_config.json", () => {
  expect(openChatTemplate(directory, "<bos>")).toMatchObject({ origin: "built-in", bosToken: "<bos>" });
  write("tokenizer_config.json", JSON.stringify({ chat_template: "from the config" }));
  expect(opened()).toBe("from the config");
  write("chat_template.json", JSON.stringify({ chat_template: "from the json" }));
  expect(opened()).toBe("from the json");
  write("chat_template.jinja", "from the jinja");
  expect(opened()).toBe("from the jinja");
  expect(openChatTemplate(directory, "<bos>").origin).toBe(join(directory, "chat_template.jinja"));
});

test('openChatTemplate() takes the template named "default" of several, or else the first', () => {
  const named = ["tool_use", "default", "other"].map((name) => ({ name, template: `the ${name} one` }));
  write("tokenizer_config.json", JSON.stringify({ chat_template: named }));
  expect(opened()).toBe("the default one");
  write("tokenizer_config.json", JSON.stringify({ chat_template: [named[2], named[0]] }));
  expect(opened()).toBe("the other one");
});

test("openChatTemplate() has the built-in template for a configuration without one", () => {
  for (const chat_template of [undefined, null, [], 7]) {
    write("tokenizer_config.json", JSON.stringify({ chat_template }));
    expect(openChatTemplate(directory, "<bos>").origin).toBe("built-in");
  }
});

test("openChatTemplate() refuses what is no JSON, no template, or too long", () => {
  for (
    const [name, text, message] of [
      ["tokenizer_config.json", "{", "must be JSON"],
      ["chat_template.json", "", "must be JSON"],
      ["chat_template.jinja", "{% for %}", "does not parse"],
      ["chat_template.jinja", "x".repeat(2 << 20), "at most 1048576 characters"],
    ] as const
  ) {
    write(name, text);
    expect(() => openChatTemplate(directory, "<bos>")).toThrow(ModelError);
    expect(() => openChatTemplate(directory, "<bos>")).toThrow(message);
  }
});
