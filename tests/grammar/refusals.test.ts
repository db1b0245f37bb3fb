import { describe, expect, test } from "bun:test";
import type { RequestError } from "../../src/base/errors.ts";
import type { Constraint } from "../../src/grammar/constraint.ts";
import { grammarText } from "../../src/grammar/grammar_text.ts";

function refusal(constraint: Constraint): RequestError["details"] & { readonly message: string } {
  try {
    grammarText(constraint);
  } catch (error) {
    const { message, details } = error as RequestError;
    return { message, ...details };
  }
  throw new Error("was not refused");
}

const nested = (levels: number, wrap: (inner: unknown) => unknown): unknown =>
  levels === 0 ? { type: "null" } : wrap(nested(levels - 1, wrap));

describe("a schema is refused, by its place, for", () => {
  const object = (schema: object) => ({ type: "object", ...schema });
  const cases: [what: string, schema: unknown, place: string, says: string][] = [
    ["being no schema", 5, "#", "must be an object or true"],
    ["being false", false, "#", "no answer is valid under it"],
    [
      "a false that is required",
      object({ properties: { a: false }, required: ["a"] }),
      "#/properties/a",
      "is false",
    ],
    [
      "a type that is unknown",
      object({ properties: { "a/b": { type: "text" } } }),
      "#/properties/a~1b/type",
      "must be array",
    ],
    ["no type at all", { type: [] }, "#/type", "must be array"],
    ["a bound of the wrong type", { type: "integer", minimum: "3" }, "#/minimum", "must be a number"],
    ["a length below zero", { type: "string", minLength: -1 }, "#/minLength", "whole number"],
    ["properties that are a list", object({ properties: [] }), "#/properties", "must be an object"],
    ["required that is no list", object({ required: "a" }), "#/required", "must be a list"],
    ["not", { type: "array", items: { not: {} } }, "#/items", '"not"'],
    ["multipleOf", { type: "integer", multipleOf: 5 }, "#", '"multipleOf"'],
    ["uniqueItems", { type: "array", uniqueItems: true }, "#", "unique"],
    ["if", { if: {}, then: {} }, "#", '"if"'],
    ["several in allOf", { allOf: [{}, {}] }, "#", '"allOf"'],
    [
      "keywords beside anyOf",
      object({ properties: {}, anyOf: [object({}), object({})] }),
      "#",
      '"properties" beside "anyOf"',
    ],
    [
      "branches without the type beside them",
      { type: "object", anyOf: [{ required: ["a"] }] },
      "#/anyOf/0",
      '"type"',
    ],
    ["keywords beside $ref", { $defs: { a: {} }, $ref: "#/$defs/a", maxLength: 3 }, "#", "beside"],
    ["an empty enum", { enum: [] }, "#", "no value"],
    ["an enum of another type", { type: "string", enum: [1, 2] }, "#", "no value"],
    ["an empty anyOf", { anyOf: [] }, "#", "must have an entry"],
    ["a reference to itself", { $ref: "#" }, "#", "refers to itself"],
    [
      "references in a circle",
      { $defs: { a: { $ref: "#/$defs/b" }, b: { anyOf: [{ $ref: "#/$defs/a" }] } }, $ref: "#/$defs/a" },
      "#/$defs/b/anyOf/0",
      "refers to itself",
    ],
    ["a reference to a URL", { $ref: "https://example.com/a.json" }, "#/$ref", "may refer to itself only"],
    ["a reference to nothing", { items: { $ref: "#/$defs/a" } }, "#/items/$ref", "not there"],
    [
      "more items than it allows",
      { type: "array", minItems: 3, maxItems: 2 },
      "#",
      "at least 3 items and at most 2",
    ],
    [
      "a name that is required and forbidden",
      object({ required: ["a"], additionalProperties: false }),
      "#",
      "forbids",
    ],
    [
      "properties that must be counted",
      object({ properties: { a: {}, b: {} }, minProperties: 1 }),
      "#",
      "must require",
    ],
    ["a length beside a pattern", { type: "string", pattern: "a+", maxLength: 3 }, "#", "beside a pattern"],
    ["too many levels", nested(33, (items) => ({ type: "array", items })), "#", "at most 32 levels"],
    ["too many values", { enum: Array.from({ length: 1001 }, (_, i) => i) }, "#", "at most 1000"],
    ["too many characters", { description: "x".repeat(70_000) }, "#", "at most 65536 characters"],
  ];
  test.each(cases)("%s", (_, schema, place, says) => {
    const { message, code } = refusal({ type: "json_schema", schema });
    expect(code).toBe("invalid_json_schema");
    expect(message).toContain(`at "${place}`);
    expect(message).toContain(says);
  });

  test("bounds that nothing is within", () => {
    for (const schema of [{ minimum: 5, maximum: 3 }, { minimum: 5, exclusiveMaximum: 5 }]) {
      expect(refusal({ type: "json_schema", schema: { type: "number", ...schema } }).message).toContain(
        "No number",
      );
    }
    const between = { type: "integer", minimum: 0.2, maximum: 0.8 };
    expect(refusal({ type: "json_schema", schema: between }).message).toContain("No whole number");
  });
});

describe("a pattern is refused for", () => {
  const cases: [pattern: string, says: string][] = [
    ["a(?=b)", "look around"],
    ["(?<!a)b", "look around"],
    ["(a)\\1", '"\\1"'],
    ["\\bword", '"\\b"'],
    ["\\p{L}", '"\\p"'],
    ["a^b", '"^" at its end'],
    ["(^a)", '"^" at its end'],
    ["(a", "not closed"],
    ["a)", "closes nothing"],
    ["[a", "ends too early"],
    ["[z-a]", "ends before it begins"],
    ["*a", "repeats nothing"],
    ["a{3,2}", "counts from 3 to 2"],
    ["a{2000000}", "count to at most 1000000"],
    ["[^\\s\\S]", "without characters"],
    ["\\ud800", "names no character"],
    ["x".repeat(1025), "at most 1024 characters"],
    [`${"(".repeat(40)}a${")".repeat(40)}`, "at most 32 groups"],
  ];
  test.each(cases)("%p", (pattern, says) => {
    const { message, code } = refusal({ type: "regex", pattern });
    expect(code).toBe("invalid_grammar");
    expect(message).toContain(says);
  });
});

describe("a grammar", () => {
  test.each(["[α-ω]", "[a-z\\u0100-\\u017f]", "[é]"])("is refused for the class %s", (text) => {
    expect(refusal({ type: "grammar", text: `root ::= ${text}+` }).message).toContain(
      "characters of ASCII only",
    );
  });

  test.each(['"[α]"', "[^a]", "[a-z] # [α]", "[\\u0041-\\u005a]", '[\\]a] "é"'])("may have %s", (text) => {
    expect(grammarText({ type: "grammar", text: `root ::= ${text}` })).toContain(text);
  });

  test("is read once, whatever it does not close", () => {
    const [open, beyond] = ["[".repeat(32_000), "é".repeat(32_000)];
    expect(refusal({ type: "grammar", text: `root ::= ${open}${beyond}` }).message).toContain("ASCII only");
    // The compiler tells of these: with its line everything ends that was not closed.
    for (const text of [open, '"'.repeat(64_001), '[a\n"é" [^b] # [é', '[\\\\u0041] "[é']) {
      expect(grammarText({ type: "grammar", text: `root ::= ${text}` })).toContain(text);
    }
  });

  test("is refused for its length, and choices for their number", () => {
    expect(refusal({ type: "grammar", text: " ".repeat(65_537) }).message).toContain(
      "at most 65536 characters",
    );
    expect(refusal({ type: "choice", choices: [] }).message).toContain("1 to 1000");
    expect(refusal({ type: "choice", choices: ["x".repeat(70_000)] }).message).toContain("at most 65536");
  });
});

test("what a schema counts to is no work", () => {
  const text = { type: "string", maxLength: 999_999 };
  const schema = { type: "array", prefixItems: new Array<unknown>(1000).fill(text), items: false };
  expect(grammarText({ type: "json_schema", schema }).length).toBeLessThan(32_768);
});

test("what a schema counts to does not make its grammar long", () => {
  const schema = {
    type: "array",
    items: { type: "string", maxLength: 900_000 },
    minItems: 999_999,
    maxItems: 1_000_000,
  };
  expect(grammarText({ type: "json_schema", schema }).length).toBeLessThan(16_384);
});
