import { afterAll, beforeAll, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { Ajv } from "ajv";
import { silentLog } from "../../src/base/log.ts";
import { EngineClient } from "../../src/engine/client.ts";
import { type App, createApp } from "../../src/http/app.ts";
import type { Runtime } from "../../src/runtime/request.ts";
import { buildShaders } from "../../tools/build_shaders.ts";
import { openGoldenRuntime } from "../support/golden_runtime.ts";
import { goldenCases } from "../support/goldens.ts";
import { type ChatChoice, chatChunkOf, chatCompletionOf } from "../support/openai_api.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { chat, eventsOf, json } from "./support.ts";

// A model that was never taught to call functions, or anything else: what it calls all the same, it was held to.
// Numbers in the names, such as "D34", are the assertions of the HTTP contract.

buildShaders();
setDefaultTimeout(testLimitMs);

const checkpoint = goldenCases().find(({ file }) => file.request)!.checkpoints[0]!;

let runtime: Runtime;
let app: App;
beforeAll(async () => {
  runtime = await openGoldenRuntime(checkpoint, { contextLength: 1024 });
  app = createApp({
    version: "1.2.3",
    log: silentLog,
    loadPicture: () => Promise.reject(new Error("No pictures")),
  });
  app.serve(runtime);
});
afterAll(() => runtime.close());

/** Arguments that end soon, whatever is drawn. */
const parameters = {
  $schema: "http://json-schema.org/draft-07/schema#",
  type: "object",
  properties: {
    city: { type: "string", enum: ["Paris", "Rome", "Malmö"] },
    days: { type: "integer", minimum: 1, maximum: 14 },
    exact: { type: "boolean" },
  },
  required: ["city", "days"],
  additionalProperties: false,
};
const weather = { type: "function", function: { name: "get_weather", parameters } };
const now = { type: "function", function: { name: "now" } };
const tools = [weather, now];
const schemas: Readonly<Record<string, object>> = {
  get_weather: parameters,
  now: { type: "object", maxProperties: 0 },
};
const ajv = new Ajv();

const asked = {
  model: "default",
  messages: [{ role: "user", content: "Weather in Paris?" }],
  temperature: 1,
  seed: 5,
  max_tokens: 300,
};

async function choicesOf(fields: Record<string, unknown>): Promise<readonly ChatChoice[]> {
  const response = await app.fetch(chat({ ...asked, tools, ...fields }));
  const body = await json(response);
  expect([response.status, body.error]).toEqual([200, undefined]);
  return chatCompletionOf(body).choices;
}

function expectValidCalls({ message }: ChatChoice): string[] {
  return message.tool_calls!.map((call) => {
    const { name, arguments: text } = call.function;
    expect(ajv.validate(schemas[name]!, JSON.parse(text)), `${name} ${text}: ${ajv.errorsText()}`).toBe(true);
    return name;
  });
}

const named = { tool_choice: { type: "function", function: { name: "get_weather" } } };

test("a required call is made, with arguments that are valid and no text beside them (D34, D35)", async () => {
  for (const choice of await choicesOf({ tool_choice: "required", parallel_tool_calls: false, n: 4 })) {
    expect(choice).toMatchObject({ finish_reason: "tool_calls", message: { content: null } });
    expect(expectValidCalls(choice).length).toBe(1);
  }
});

test("the named function is called, once (D34)", async () => {
  for (const choice of await choicesOf({ ...named, n: 4 })) {
    expect(expectValidCalls(choice)).toEqual(["get_weather"]);
    expect(choice.finish_reason).toBe("tool_calls");
  }
});

test("only what is allowed is called (D34)", async () => {
  const allowed_tools = { mode: "required", tools: [{ type: "function", function: { name: "now" } }] };
  const [choice] = await choicesOf({ tool_choice: { type: "allowed_tools", allowed_tools }, max_tokens: 60 });
  expect(new Set(choice!.message.tool_calls!.map((call) => call.function.name))).toEqual(new Set(["now"]));
});

test("several calls may be made where one is required (D34, D35)", async () => {
  const [choice] = await choicesOf({ tool_choice: "required", max_tokens: 120 });
  const calls = choice!.message.tool_calls!;
  expect(choice!.message.content).toBe(null);
  // The last one may be cut off.
  for (const { function: { name, arguments: text } } of calls.slice(0, -1)) {
    expect(ajv.validate(schemas[name]!, JSON.parse(text))).toBe(true);
  }
  expect(new Set(calls.map(({ id }) => id)).size).toBe(calls.length);
});

test("nothing is called with none, nor by a model that only may (D34)", async () => {
  for (const tool_choice of ["none", "auto", null]) {
    const [choice] = await choicesOf({ tool_choice, max_tokens: 8 });
    expect(choice!.message.tool_calls).toBeUndefined();
  }
});

test("the pieces of a stream are the calls of the whole answer (D36)", async () => {
  const [whole] = await choicesOf(named);
  const response = await app.fetch(chat({ ...asked, tools, ...named, stream: true }));
  const chunks = eventsOf(await response.text()).map(chatChunkOf);
  const deltas = chunks.flatMap(({ choices }) => choices.flatMap(({ delta }) => delta.tool_calls ?? []));
  const [first, ...rest] = deltas;
  expect(first).toEqual({
    index: 0,
    id: expect.stringMatching(/^call_[0-9a-f]{32}$/),
    type: "function",
    function: { name: "get_weather", arguments: "" },
  });
  expect(rest.length).toBeGreaterThan(1);
  for (const { index, id, type, function: piece } of rest) {
    expect([index, id, type, piece!.name]).toEqual([0, undefined, undefined, undefined]);
  }
  const text = rest.map((delta) => delta.function!.arguments).join("");
  expect(text).toBe(whole!.message.tool_calls![0]!.function.arguments);
  expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe("tool_calls");
});

test("a cut ends an answer in its call, and says so (D35)", async () => {
  const [choice] = await choicesOf({ ...named, max_tokens: 3 });
  expect(choice!.finish_reason).toBe("length");
});

test("parameters that cannot be kept to are a 400 where they would have to be, before a token is spent (D32)", async () => {
  const odd = {
    type: "function",
    function: { name: "odd", parameters: { type: "object", properties: { a: { type: "odd" } } } },
  };
  // Not the engine's counters: they come now and then, and may still lack the answers before this one.
  using run = spyOn(EngineClient.prototype, "run");
  const response = await app.fetch(chat({ ...asked, tools: [weather, odd], tool_choice: "required" }));
  const { error } = await json(response);
  expect([response.status, error.param, error.message]).toEqual([
    400,
    "tools",
    expect.stringContaining('"odd"'),
  ]);
  expect(run).toHaveBeenCalledTimes(0);
  const [choice] = await choicesOf({ ...named });
  expect(expectValidCalls(choice!)).toEqual(["get_weather"]);
  expect(run).toHaveBeenCalledTimes(1);
});

test("a strict function that may be called leaves text free (D34)", async () => {
  const strict = { ...weather, function: { ...weather.function, strict: true } };
  const [choice] = await choicesOf({ tools: [strict, now], max_tokens: 8 });
  expect(choice!.message.content!.length).toBeGreaterThan(0);
  expect(choice!.message.tool_calls).toBeUndefined();
});
