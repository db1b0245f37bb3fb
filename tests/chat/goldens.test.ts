import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { builtinTemplate } from "../../src/chat/builtin_template.ts";
import { JinjaTemplate } from "../../src/chat/jinja.ts";
import { renderPrompt } from "../../src/chat/prompt.ts";
import { compileChatTemplate, openChatTemplate } from "../../src/chat/template_file.ts";
import { goldenCases, goldenJson, goldensRoot } from "../support/goldens.ts";
import { type OpenAiMessage, textOf, toMessage } from "./conversation.ts";

interface Row {
  name: string;
  /** What a client sends. Rows without it hold what no client can. */
  openai_messages?: OpenAiMessage[];
  template_messages: unknown[];
  options: {
    date_string: string;
    add_generation_prompt: boolean;
    tools?: unknown[];
    tools_in_user_message?: boolean;
    custom_tools?: unknown[];
  };
  rendered?: string;
  error?: string;
}

const { bos_token, rows } = goldenJson<{ bos_token: string; rows: Row[] }>("template/template_b.json");
const reference = readFileSync(join(goldensRoot, "template/template_b.jinja"), "utf8");

describe("JinjaTemplate.render() agrees with the reference engine", () => {
  const template = new JinjaTemplate(reference);
  for (const { name, template_messages, options, rendered, error } of rows) {
    test(name, () => {
      const render = () => template.render({ ...options, messages: template_messages, bos_token });
      // There the image is lost and Python's notation of the list is printed; here that is an error.
      if (name === "tools_image_quirk") expect(render).toThrow("trim");
      else if (error === undefined) expect(render()).toBe(rendered!);
      else if (error.startsWith("TemplateError: ")) {
        expect(render).toThrow(error.slice("TemplateError: ".length));
      } else expect(render).toThrow();
    });
  }
});

for (
  const [title, source] of [["the reference template", reference], ["the built-in template", builtinTemplate]]
) {
  describe(`renderPrompt() lays out what clients send as the reference does, with ${title}`, () => {
    const chat = compileChatTemplate(source!, bos_token, "test");
    for (const { name, openai_messages, options, rendered, error } of rows) {
      if (!openai_messages) continue;
      test(name, () => {
        const render = () =>
          textOf(renderPrompt(chat, openai_messages.map(toMessage), {
            tools: options.tools,
            toolsInUserMessage: options.tools_in_user_message,
            dateString: options.date_string,
            addGenerationPrompt: options.add_generation_prompt,
          }));
        // The reference drops the tools without a word.
        if (name === "tools_system_image_without_system") expect(render).toThrow("does not print them");
        else if (error === undefined) expect(render()).toBe(rendered!);
        else expect(render).toThrow(error.slice("TemplateError: ".length));
      });
    }
  });
}

test("renderPrompt() gives the prompt of every golden case with the checkpoint's own template", () => {
  let count = 0;
  for (const { file, checkpoints } of goldenCases()) {
    if (!file.request) continue;
    for (const { directory } of checkpoints) {
      const chat = openChatTemplate(directory, bos_token);
      expect(chat.origin).toStartWith(directory);
      const segments = renderPrompt(
        chat,
        file.request.messages.map((message) => toMessage(message as never)),
        {
          tools: file.request.tools,
          toolsInUserMessage: file.request.tools_in_user_message,
          dateString: file.date_string,
        },
      );
      expect(textOf(segments)).toBe(file.prompt);
      count++;
    }
  }
  expect(count).toBeGreaterThan(40);
});
