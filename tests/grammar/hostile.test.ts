import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import type { Constraint } from "../../src/grammar/constraint.ts";
import { GrammarPool } from "../../src/grammar/grammar_pool.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { smallVocabulary, tokensOf } from "./random_answers.ts";

setDefaultTimeout(testLimitMs);

const end = { stopIds: [smallVocabulary.endId], minTokens: 0 };
const pool = new GrammarPool(() => smallVocabulary, { deadlineMs: 4000 });
afterAll(() => pool.close());

const schema = (schema: unknown): Constraint => ({ type: "json_schema", schema });
const regex = (pattern: string): Constraint => ({ type: "regex", pattern });
const grammar = (text: string): Constraint => ({ type: "grammar", text });
const properties = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, { type: ["string", "null"] }]));
const doubling = Object.fromEntries(
  Array.from({ length: 18 }, (_, i) => {
    const next = i < 17 ? { $ref: `#/$defs/d${i + 1}` } : { type: "null" };
    return [`d${i}`, {
      anyOf: [{ type: "array", items: next, maxItems: 1 }, { anyOf: [next, { type: "boolean" }] }],
    }];
  }),
);
const leapYears =
  "^(((19|2\\d)(0[48]|[2468][048]|[13579][26])-02-29)|((19|2\\d)\\d\\d-02-(0[1-9]|1\\d|2[0-8]))" +
  "|((19|2\\d)\\d\\d-(0[13578]|10|12)-(0[1-9]|[12]\\d|3[01]))|((19|2\\d)\\d\\d-(0[469]|11)-(0[1-9]|[12]\\d|30)))$";

/** What has hung or ended compilers of grammars, and an answer that fits, where there is one. */
const cases: [what: string, constraint: Constraint, fits: string][] = [
  ["a repeat of a repeat", regex("(a+)+$"), "aaaaaaaaaaaaaaaaaaaaaaaa"],
  ["counts within counts", regex("((a{1,1000}){1,1000}){1,1000}"), "aaaaaaaaaaaaaaaaaaaaaaaa"],
  ["ways that all fit", regex("(a|a|aa|a?)*b"), "aaaaaaaaaaaaaaaaaaaaaaaab"],
  ["leap years", regex(leapYears), "2024-02-29"],
  ["2000 properties that may be missing", schema({ type: "object", properties: properties(2000) }), ""],
  [
    "100 properties that may be missing",
    schema({ type: "object", properties: properties(100) }),
    '{"p3":"x","p99":null}',
  ],
  ["a text of a million characters", schema({ type: "string", maxLength: 1_000_000 }), '"abc"'],
  [
    "a list of a million items",
    schema({ type: "array", items: { type: "string" }, minItems: 1_000_000 }),
    '["a",',
  ],
  [
    "references without end",
    schema({
      $defs: Object.fromEntries(
        Array.from({ length: 400 }, (_, i) => [`d${i}`, { $ref: `#/$defs/d${i + 1}` }]),
      ),
      $ref: "#/$defs/d0",
    }),
    "",
  ],
  ["branches within branches", schema({ $defs: doubling, $ref: "#/$defs/d0" }), "[[[["],
  [
    "a schema that never ends",
    schema({ type: "object", properties: { a: { $ref: "#" } }, required: ["a"] }),
    '{"a":{"a":',
  ],
  [
    "a thousand values",
    schema({ enum: Array.from({ length: 1000 }, (_, i) => `value ${i}`) }),
    '"value 999"',
  ],
  ["a rule that begins with itself", grammar('root ::= root "a" | "a"'), "aaaa"],
  ["a rule of itself twice", grammar('root ::= root root | "a"'), "aaaaaaaaaaaaaaaa"],
  ["nothing but nothing", grammar('root ::= ("" | "a"?)* "b"'), "aab"],
  ["counts within counts, in a grammar", grammar('root ::= ((("a"{1,999}){1,999}){1,999})'), ""],
];

describe("what does harm elsewhere is refused in time, or held to", () => {
  test.each(cases)("%s", async (_, constraint, fits) => {
    const session = await pool.open(constraint, end, 1).catch((error) => error);
    if (session instanceof RequestError) {
      expect({ refused: session.message, fits }).toEqual({ refused: session.message, fits: "" });
    } else {
      for (const token of tokensOf(fits)) {
        const mask: Uint32Array = await session.mask(0);
        expect(mask[token >>> 5]! >>> (token & 31) & 1).toBe(1);
        session.push(0, token);
      }
      expect((await session.mask(0)).some((word: number) => word !== 0)).toBe(true);
      session.close();
    }
    const next = await pool.open({ type: "choice", choices: ["x"] }, end, 1);
    expect((await next.mask(0))[0x78 >>> 5]! >>> (0x78 & 31) & 1).toBe(1);
    next.close();
  });
});
