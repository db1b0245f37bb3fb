import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { CompiledGrammars } from "../../src/grammar/compiled_grammars.ts";
import { grammarText } from "../../src/grammar/grammar_text.ts";
import { drawsOf } from "../support/draws.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { exampleSchemas } from "./example_schemas.ts";
import { validatorOf } from "./json_validator.ts";
import { randomAnswer, smallVocabulary } from "./random_answers.ts";

setDefaultTimeout(testLimitMs);

/** Answers to each schema; more with an environment variable. */
const answers = Number(process.env["LLAMAV_GRAMMAR_ANSWERS"] ?? 6);

describe("an answer that takes any allowed token", async () => {
  const grammars = await CompiledGrammars.create(smallVocabulary);
  const cases = Object.entries(exampleSchemas);
  test.each(cases)("is valid under the schema: %s", async (name, schema) => {
    const grammar = grammarText({ type: "json_schema", schema });
    const isValid = validatorOf(schema);
    let complete = 0;
    for (let i = 0; i < answers; i++) {
      const text = await randomAnswer(
        grammars,
        grammar,
        drawsOf(cases.findIndex(([key]) => key === name), i),
        400,
      );
      if (text === undefined) continue;
      complete++;
      expect({ text, valid: isValid(JSON.parse(text)) }).toEqual({ text, valid: true });
    }
    expect(complete).toBeGreaterThan(0);
  });
});
