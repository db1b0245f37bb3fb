import { expect, setDefaultTimeout, test } from "bun:test";
import { CompiledGrammars } from "../../src/grammar/compiled_grammars.ts";
import type { Constraint } from "../../src/grammar/constraint.ts";
import { grammarText } from "../../src/grammar/grammar_text.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { smallVocabulary, tokensOf } from "./random_answers.ts";

setDefaultTimeout(testLimitMs);

/** What may stand between two parts of an answer in JSON: a line's end, and how far the next line is moved in. */
const longestGap = 1 + 31;

const shape = {
  type: "object",
  properties: { a: { type: "array", items: { type: "integer" } }, b: { type: "boolean" } },
  required: ["a", "b"],
  additionalProperties: false,
};

const cases: [name: string, constraint: Constraint, answer: string][] = [
  ["any object", { type: "json" }, '{"a":[1,{"b":null}],"c":"d"}'],
  ["a schema", { type: "json_schema", schema: shape }, '{"a":[1,2],"b":true}'],
];

test.each(cases)(
  "a model that likes nothing so much as spaces gets on, in %s",
  async (_name, constraint, answer) => {
    const grammars = await CompiledGrammars.create(smallVocabulary);
    const grammar = grammarText(constraint);
    await grammars.compile(grammar, grammar);
    await grammars.open(1, grammar, { stopIds: [smallVocabulary.endId], minTokens: 0 });
    let mask = await grammars.mask(1, []);
    const isAllowed = (id: number) => (mask[id >>> 5]! >>> (id & 31) & 1) === 1;
    const spaces = tokensOf("\n \t\r");
    const gaps = new Set<number>();
    for (const [at, part] of [...answer].entries()) {
      if (at > 0 && "{[,:".includes(answer[at - 1]!)) {
        let gap = 0;
        for (
          let space = spaces.find(isAllowed);
          space !== undefined && gap < 100;
          space = spaces.find(isAllowed)
        ) {
          gap++;
          mask = await grammars.mask(1, [space]);
        }
        gaps.add(gap);
      }
      const [token] = tokensOf(part);
      expect({ at, part, isAllowed: isAllowed(token!) }).toEqual({ at, part, isAllowed: true });
      mask = await grammars.mask(1, [token!]);
    }
    // As much between all parts, and nothing at the end.
    expect([...gaps, spaces.some(isAllowed), isAllowed(smallVocabulary.endId)]).toEqual([
      longestGap,
      false,
      true,
    ]);
    grammars.close(1);
  },
);
