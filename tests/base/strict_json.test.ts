import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Json, parseStrictJson } from "../../src/base/strict_json.ts";

function parse(text: string): Json {
  return parseStrictJson(new TextEncoder().encode(text));
}

/** What `JSON.parse` would have made of the same text. */
function plain(json: Json): unknown {
  if (Array.isArray(json)) return json.map(plain);
  if (!(json instanceof Map)) return json;
  // Not assignment: `__proto__` is a key like any other here.
  return Object.fromEntries([...json].map(([key, value]) => [key, plain(value)]));
}

describe("parseStrictJson()", () => {
  test("agrees with JSON.parse on any value, however it is spaced", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.nat(3), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(plain(parse(text))).toEqual(JSON.parse(text));
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  test("refuses whatever JSON.parse refuses, and fails with nothing but a SyntaxError", () => {
    const piece = fc.constantFrom(
      ...'{}[]:,"\\0-1.eE+ \n',
      "true",
      "null",
      '"a"',
      "\\u00",
      "01",
      "\u0001",
      "nan",
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join("");
        try {
          const value = parse(text);
          accepted++;
          expect(plain(value)).toEqual(JSON.parse(text));
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
        }
      }),
      { seed: 7, numRuns: 5000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  test.each([
    ["duplicate keys", '{"a":1,"b":{"a":1},"a":2}', /character \d+: duplicate key "a"/],
    ["duplicate keys that are spelled differently", '{"a":1,"\\u0061":2}', /duplicate key "a"/],
    ["65 levels", "[".repeat(66) + "]".repeat(66), /more than 64 levels/],
    ["a million levels", "[".repeat(1_000_000), /more than 64 levels/],
    ["a number beyond f64", "1e999", /number out of range/],
    ["a lone surrogate", '"\\ud800"', /lone surrogate/],
    ["a byte-order mark", "\ufeff1", /no value/],
    ["an unfinished string", '"abc', /unfinished string/],
    ["a line break in a string", '"a\nb"', /unfinished string/],
    ["a trailing comma", "[1,]", /no value/],
    ["two values", "1 2", /text after the value/],
    ["nothing", "", /no value/],
  ])("refuses %s", (_, text, message) => {
    expect(() => parse(text)).toThrow(SyntaxError);
    expect(() => parse(text)).toThrow(message);
  });

  test("keeps __proto__ a key", () => {
    const json = parse('{"__proto__":{"polluted":true}}') as Map<string, Json>;
    expect([...json.keys()]).toEqual(["__proto__"]);
    expect("polluted" in {}).toBe(false);
  });

  test("takes a string of ten million escapes", () => {
    expect((parse(`"${"\\n".repeat(1e7)}"`) as string).length).toBe(1e7);
  });
});
