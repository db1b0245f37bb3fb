import { expect, test } from "bun:test";
import { vocabularyOf } from "../../src/runtime/constrained_run.ts";
import { modelDirectory } from "../../src/runtime/models.ts";
import { openFrontend } from "../../src/runtime/prompt.ts";
import { bytesOfToken } from "../../src/tokenizer/byte_level.ts";

test("the vocabulary has a spelling for every row of the output, and none for control tokens", () => {
  const frontend = openFrontend(modelDirectory("demo"));
  const { tokenizer, config } = frontend;
  const { spellings, size, endId } = vocabularyOf(frontend);
  const tokens = spellings.split(" ");
  expect(size).toBe(config.text.vocabSize);
  expect(tokens).toHaveLength(size);
  expect(tokenizer.isControl(endId) && endId < size).toBe(true);
  for (const [id, token] of tokens.entries()) {
    expect(token === "").toBe(tokenizer.isControl(id));
    expect(bytesOfToken(token)).toEqual(tokenizer.tokenBytes(id));
  }
});
