import { expect, test } from "bun:test";
import type { FunctionDefinition, GenerateRequest, ToolChoice } from "../../src/runtime/request.ts";
import { callableFunctions, constraintOf } from "../../src/runtime/tool_use.ts";

const parameters = { properties: { city: { type: "string" } } };
const schema = { type: "object", ...parameters };
const loose: FunctionDefinition = { name: "loose", strict: false };
const strict: FunctionDefinition = { name: "strict", parameters, strict: true };

const constrained = (
  mode: ToolChoice["mode"],
  functions: readonly FunctionDefinition[],
  rest: Partial<GenerateRequest & ToolChoice> = {},
) =>
  constraintOf({ messages: [], toolChoice: { mode, functions, parallel: rest.parallel ?? true }, ...rest });

test("a required call is held to the schemas of all functions, in the form that the model was taught (D34, D35)", () => {
  expect(constrained("required", [strict, loose], { constraint: { type: "json" } })).toEqual({
    type: "calls",
    forms: [
      {
        begin: '{"name": "strict", "parameters": ',
        end: "}",
        trigger: '{"name": "strict"',
        name: "strict",
        schema,
      },
      {
        begin: '{"name": "loose", "parameters": ',
        end: "}",
        trigger: '{"name": "loose"',
        name: "loose",
        schema: { type: "object", properties: {}, additionalProperties: false },
      },
    ],
    inText: false,
    several: true,
  });
  expect(constrained("required", [loose], { parallel: false })).toMatchObject({ several: false });
});

test("where the model may choose, strict functions are held to their schemas, and text and others are free (D35)", () => {
  const constraint = constrained("auto", [strict, loose]);
  if (constraint?.type !== "calls") throw new Error("It should be about calls");
  expect(constraint).toMatchObject({ inText: true, several: true });
  expect(constraint.forms.length).toBeGreaterThan(1);
  for (const form of constraint.forms) {
    expect(form.schema).toEqual(schema);
    expect(form.begin).toContain("strict");
    expect(form.begin.startsWith(form.trigger)).toBe(true);
  }
  const triggers = constraint.forms.map(({ trigger }) => trigger);
  for (const trigger of triggers) {
    expect(triggers.filter((other) => other.startsWith(trigger))).toEqual([trigger]);
  }
  expect(constrained("auto", [loose])).toBeUndefined();
});

test("an answer that must be JSON may be a call instead", () => {
  const json = { type: "json" } as const;
  expect(constrained("auto", [loose], { constraint: json })).toMatchObject({
    inText: false,
    several: false,
    otherwise: json,
  });
  expect(constraintOf({ messages: [], constraint: json })).toBe(json);
  expect(constraintOf({ messages: [] })).toBeUndefined();
});

test("a strict function is called in the forms only that its arguments are held in", () => {
  const constraint = constrained("auto", [strict]);
  const [held] = callableFunctions({ mode: "auto", functions: [strict], parallel: true });
  expect(held!.beginnings).toEqual(
    constraint?.type === "calls" ? constraint.forms.map(({ begin }) => begin) : [],
  );
  const [free] = callableFunctions({ mode: "auto", functions: [loose], parallel: true });
  expect(free).toEqual({ name: "loose" });
});

test("a schema that refers or chooses is left to say itself what it is", () => {
  for (const open of [{}, { type: "object" }, { properties: {} }]) {
    expect(schemaOf(open)).toEqual({ type: "object", ...open });
  }
  for (const closed of [{ $ref: "#/$defs/a", $defs: { a: schema } }, { anyOf: [schema] }]) {
    expect(schemaOf(closed)).toEqual(closed);
  }
});

function schemaOf(parameters: Record<string, unknown>): unknown {
  const constraint = constrained("required", [{ name: "f", strict: false, parameters }]);
  return constraint?.type === "calls" ? constraint.forms[0]!.schema : undefined;
}
