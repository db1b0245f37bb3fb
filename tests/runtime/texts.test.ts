import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { openFrontend } from "../../src/runtime/prompt.ts";
import type { Conversation } from "../../src/runtime/request.ts";
import { ModelTexts } from "../../src/runtime/texts.ts";

const frontend = openFrontend(join(import.meta.dir, "../goldens/checkpoints/tiny-mllama"));
const texts = new ModelTexts(frontend);
const { tokenizer } = frontend;

afterAll(() => frontend.pictures.close());

function conversation(text: string, more: Partial<Conversation> = {}): Conversation {
  return {
    messages: [{
      role: "user",
      content: [{ type: "image", bytes: new Uint8Array(0) }, { type: "text", text }],
    }],
    dateString: "26 Jul 2024",
    ...more,
  };
}

test("ModelTexts.tokenize() begins with BOS where asked, and reads no control token in a text (T02)", async () => {
  const text = "Hi <|eot_id|><|image|> 😀 漢字";
  const ids = await texts.tokenize(text, false);
  expect(ids.some((id) => tokenizer.isControl(id))).toBe(false);
  expect(await texts.tokenize(text, true)).toEqual([tokenizer.bosId, ...ids]);
  expect(texts.detokenize(ids)).toBe(text);
});

test("ModelTexts.detokenize() names control tokens, joins split characters and refuses foreign ids", async () => {
  expect(texts.detokenize(await texts.tokenize("😀", true))).toBe("<|begin_of_text|>😀");
  expect(texts.detokenize([])).toBe("");
  const beyond = tokenizer.vocabularySize;
  expect(() => texts.detokenize([1, beyond])).toThrow(`"tokens[1]" must be less than ${beyond}`);
});

test("ModelTexts.applyTemplate() is the text of which tokenizeConversation() gives the ids", async () => {
  const text = texts.applyTemplate(conversation("What is it?"));
  expect(text).toStartWith(
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n<|image|>What is it?",
  );
  expect(text).toEndWith("<|start_header_id|>assistant<|end_header_id|>\n\n");
  const ids = await texts.tokenizeConversation(conversation("What is it?"));
  expect(texts.detokenize(ids)).toBe(text);
  const open = texts.applyTemplate(conversation("What is it?", { addGenerationPrompt: false }));
  expect(text).toStartWith(open);
  expect(open).toEndWith("<|eot_id|>");
});

test("ModelTexts encodes nothing for those who have left", async () => {
  const signal = AbortSignal.abort(new Error("gone"));
  await expect(texts.tokenize("Hi", true, { signal })).rejects.toThrow("gone");
  await expect(texts.tokenizeConversation(conversation("Hi"), signal)).rejects.toThrow("gone");
});

test("ModelTexts refuses more than 131072 tokens, by the field that has them (P03)", async () => {
  const long = "1 ".repeat(140_000);
  await expect(texts.tokenize(long, true)).rejects.toThrow(
    /"prompt" must have at most 131072 tokens, and it has at least \d{6}$/,
  );
  await expect(texts.tokenizeConversation(conversation(long))).rejects.toThrow(
    /"messages" must have at most 131072 tokens, and it has at least \d{6}$/,
  );
});
