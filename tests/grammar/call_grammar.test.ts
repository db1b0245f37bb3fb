import { Grammar, Testings } from "@mlc-ai/web-xgrammar";
import { expect, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { grammarText } from "../../src/grammar/grammar_text.ts";
import type { FunctionDefinition, GenerateRequest, ToolChoice } from "../../src/runtime/request.ts";
import { constraintOf } from "../../src/runtime/tool_use.ts";

const parameters = {
  $defs: { count: { type: "integer" } },
  properties: { city: { type: "string" }, days: { $ref: "#/$defs/count" } },
  required: ["city"],
};
const weather: FunctionDefinition = { name: "weather", parameters, strict: true };
const now: FunctionDefinition = { name: "now", strict: true };

/** Which of the answers a request allows, whole. */
async function allowed(
  choice: Partial<ToolChoice>,
  answers: readonly string[],
  constraint?: GenerateRequest["constraint"],
): Promise<string[]> {
  const toolChoice: ToolChoice = { mode: "auto", functions: [weather, now], parallel: true, ...choice };
  const grammar = await Grammar.fromEBNF(
    grammarText(constraintOf({ messages: [], toolChoice, constraint })!),
  );
  const accepted: string[] = [];
  for (const answer of answers) {
    if (await Testings.isGrammarAcceptString(grammar, answer)) accepted.push(answer);
  }
  grammar.dispose();
  return accepted;
}

const paris = '{"name": "weather", "parameters": {"city": "Paris", "days": 2}}';
const noon = '{"name": "now", "parameters": {}}';
const wrong = [
  '{"name": "weather", "parameters": {"days": 2}}',
  '{"name": "now", "parameters": {"days": 2}}',
];
const text = 'Hello, {"name": "nobody"}';

test("a required call is a call of one of the functions, and several stand behind each other (D34, D35)", async () => {
  const calls = [paris, noon, `${paris}; ${noon}`, `${noon}; ${noon}; ${paris}`];
  const others = ["", text, ...wrong, `${paris} ${noon}`, `${paris}; `, `Sure: ${paris}`];
  expect(await allowed({ mode: "required" }, [...calls, ...others])).toEqual(calls);
});

test("one call that is required is one (D37)", async () => {
  const single = { mode: "required", parallel: false } as const;
  expect(await allowed(single, [paris, noon, `${paris}; ${noon}`])).toEqual([paris, noon]);
});

test("text is free around calls, which are held to the schemas in each usual form (D35)", async () => {
  const forms = [
    paris,
    '{"name":"weather","parameters":{"city": "Paris"}}',
    '{"type": "function", "name": "weather", "parameters": {"city": "Paris"}}',
    '<function=weather>{"city": "Paris"}</function>',
  ];
  const good = ["", text, ...forms, `Sure: ${paris} and ${noon}.`];
  const bad = [
    ...wrong,
    `Sure: ${wrong[0]}`,
    "<function=weather>{}</function>",
    '{"name":"now","arguments":{}}',
  ];
  expect(await allowed({}, [...good, ...bad])).toEqual(good);
});

test("an answer that must keep to a constraint may be a call instead", async () => {
  const json = {
    type: "json_schema",
    schema: { type: "object", properties: {}, additionalProperties: false },
  } as const;
  expect(await allowed({}, ["{}", paris, noon, text, wrong[0]!, `${paris}; ${noon}`], json)).toEqual([
    "{}",
    paris,
    noon,
  ]);
});

test("a schema that cannot be kept to is refused with the function that has it (D32)", () => {
  const toolChoice: ToolChoice = {
    mode: "required",
    functions: [now, { name: "odd", strict: false, parameters: { type: "odd" } }],
    parallel: true,
  };
  try {
    grammarText(constraintOf({ messages: [], toolChoice })!);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(RequestError);
    expect((error as RequestError).message).toContain('"odd"');
    expect((error as RequestError).details.param).toBe("tools");
  }
});
