import { expect, test } from "bun:test";
import OpenAI from "openai";
import { answer } from "../support/fake_runtime.ts";
import { calls } from "./responses_support.ts";
import { Servers } from "./servers.ts";
import { chat, expectError, question, testApp } from "./support.ts";

// Fields that nobody acts on: listed in x-llamav-ignored, or refused by --strict (D30, P11).

const post = (path: string, body: object) => new Request(`http://localhost:8000${path}`, chat(body));

/** Every field that the API has for a chat, in its simplest form that is no refusal. */
const everyField = {
  model: "tiny",
  messages: [
    { role: "developer", content: "Be brief", name: "boss" },
    {
      role: "user",
      name: "me",
      content: [
        { type: "text", text: "What is it?" },
        { type: "image_url", image_url: { url: "data:,", detail: "low" } },
      ],
    },
    {
      role: "assistant",
      content: null,
      refusal: null,
      tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: "{}" } }],
    },
    { role: "tool", tool_call_id: "c1", content: "a cat" },
    { role: "function", name: "look", content: "a dog" },
  ],
  temperature: 0.5,
  top_p: 0.9,
  presence_penalty: 0.1,
  frequency_penalty: -0.1,
  n: 1,
  logprobs: true,
  top_logprobs: 2,
  logit_bias: { 5: 1 },
  stop: ["END"],
  seed: 7,
  max_tokens: 5,
  max_completion_tokens: 6,
  stream: true,
  stream_options: { include_usage: true, include_obfuscation: false },
  tools: [{
    type: "function",
    function: { name: "look", description: "Looks", parameters: { type: "object" }, strict: true },
  }],
  tool_choice: "auto",
  parallel_tool_calls: true,
  response_format: { type: "text" },
  functions: [],
  function_call: "none",
  modalities: ["text"],
  user: "me",
  safety_identifier: "me",
  prompt_cache_key: "mine",
  prompt_cache_retention: "24h",
  store: false,
  metadata: { a: "b" },
  service_tier: "auto",
  reasoning_effort: "low",
  verbosity: "low",
  prediction: { type: "content", content: "a cat" },
};

for (const strict of [false, true]) {
  test(`all fields of the API at once are taken, and those without effect are listed, strict: ${strict} (D4, D30, P11)`, async () => {
    const { app, logged } = testApp(undefined, { strict });
    const response = await app.fetch(chat(everyField));
    expect(response.status).toBe(200);
    expect(response.headers.get("x-llamav-ignored")!.split(", ")).toEqual([
      "messages.name",
      "stream_options.include_obfuscation",
      "safety_identifier",
      "prompt_cache_key",
      "prompt_cache_retention",
      "store",
      "metadata",
      "service_tier",
      "reasoning_effort",
      "verbosity",
      "prediction",
    ]);
    // The client has made no mistake, so there is nothing to warn of.
    await response.text();
    expect(logged.filter((line) => line.startsWith("warning"))).toEqual([]);
  });
}

/** Route, a body with a field that nothing is done with, and the name it is told by. */
const withoutEffect: [path: string, body: object, name: string][] = [
  ["/v1/chat/completions", { ...question, top_a: 1 }, "top_a"],
  [
    "/v1/chat/completions",
    { ...question, messages: [{ ...question.messages[0], mood: 1 }] },
    "messages.mood",
  ],
  [
    "/v1/chat/completions",
    {
      ...question,
      messages: [{
        role: "user",
        content: [{ type: "text", text: "Hi" }, { type: "text", text: "Ho", cache_control: { type: "x" } }],
      }],
    },
    "messages.content.cache_control",
  ],
  [
    "/v1/chat/completions",
    {
      ...question,
      messages: [{
        role: "user",
        content: [{ type: "image_url", image_url: { url: "data:,", format: "png" } }],
      }],
    },
    "messages.content.image_url.format",
  ],
  [
    "/v1/chat/completions",
    { ...question, response_format: { type: "json_object", schema: { type: "object" } } },
    "response_format.schema",
  ],
  [
    "/v1/chat/completions",
    { ...question, response_format: { type: "json_schema", json_schema: { schema: {}, title: "x" } } },
    "response_format.json_schema.title",
  ],
  [
    "/v1/chat/completions",
    { ...question, stream: true, stream_options: { usage: 1 } },
    "stream_options.usage",
  ],
  ["/v1/completions", { model: "tiny", prompt: "Hi", top_a: 1 }, "top_a"],
  [
    "/v1/completions",
    { model: "tiny", prompt: "Hi", stream: true, stream_options: { usage: 1 } },
    "stream_options.usage",
  ],
  ["/v1/responses", { model: "tiny", input: "Hi", top_a: 1 }, "top_a"],
  ["/v1/responses", { model: "tiny", input: [{ role: "user", content: "Hi", mood: 1 }] }, "input.mood"],
  ["/v1/responses", { model: "tiny", input: "Hi", text: { format: { type: "text" }, tone: 1 } }, "text.tone"],
  ["/tokenize", { prompt: "Hi", top_a: 1 }, "top_a"],
  ["/tokenize", { messages: [{ role: "user", content: "Hi", mood: 1 }] }, "messages.mood"],
  ["/detokenize", { tokens: [72], top_a: 1 }, "top_a"],
  ["/apply-template", { messages: question.messages, top_a: 1 }, "top_a"],
];

for (const [path, body, name] of withoutEffect) {
  test(`POST ${path} lists ${name} as ignored, and refuses it with --strict (D30)`, async () => {
    const response = await testApp().app.fetch(post(path, body));
    expect([response.status, response.headers.get("x-llamav-ignored")]).toEqual([200, name]);
    const { app, runtime } = testApp(undefined, { strict: true });
    const { code, param } = await expectError(await app.fetch(post(path, body)), 400);
    expect([code, param, runtime.requests.length]).toEqual(["unknown_parameter", name, 0]);
  });
}

test("a field without effect is listed once, and null, schemas, functions and short forms are none (D30, P11)", async () => {
  const { app } = testApp();
  const schema = { $schema: "x", type: "object", properties: { a: { enum: ["b"], note: 1 } }, note: 1 };
  const response = await app.fetch(chat({
    ...question,
    messages: [
      { role: "user", content: [{ type: "text", text: "a", x: 1 }, { type: "text", text: "b", x: 1 }] },
      { role: "user", content: "Hi", x: null },
      { role: "user", content: [{ type: "image_url", image_url: "data:," }] },
    ],
    response_format: { type: "json_schema", json_schema: { schema } },
    tools: [{ type: "function", note: 1, function: { name: "f", parameters: schema, note: 1 } }],
  }));
  expect(response.headers.get("x-llamav-ignored")).toBe("messages.content.x");
});

test("--strict takes answers that OpenAI's client sends back as they came, whole and streamed (D30, D33)", async () => {
  const servers = new Servers();
  const { server, runtime } = servers.start(
    ({ messages }) => messages.at(-1)!.role === "tool" ? answer("Done") : calls("", ["f", '{"a":1}']),
    { strict: true },
  );
  try {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
    const parameters = {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "object",
      properties: { a: { type: "integer" } },
      required: ["a"],
      additionalProperties: false,
    };
    const tool = { type: "function" as const, function: { name: "f", parameters, strict: true } };
    const user = { role: "user" as const, content: "Hi" };
    const request = { model: "tiny", messages: [user], tools: [tool] };
    const parsed = await client.chat.completions.parse(request);
    const streamed = await client.chat.completions.stream(request).finalChatCompletion();
    for (const { message } of [parsed.choices[0]!, streamed.choices[0]!]) {
      const result = { role: "tool" as const, tool_call_id: message.tool_calls![0]!.id, content: "1" };
      const sentBack = { ...request, messages: [user, message, result] };
      const { choices } = await client.chat.completions.create(sentBack);
      expect(choices[0]!.message.content).toBe("Done");
    }
    const runner = client.chat.completions.runTools({
      ...request,
      tools: [{
        ...tool,
        function: { ...tool.function, description: "F", parse: JSON.parse, function: () => "1" },
      }],
    });
    expect(await runner.finalContent()).toBe("Done");
    const first = await client.responses.create({ model: "tiny", input: "Hi", store: false });
    expect(first.output[0]!.type).toBe("function_call");
    const call = first.output[0] as OpenAI.Responses.ResponseFunctionToolCall;
    const output = { type: "function_call_output" as const, call_id: call.call_id, output: "1" };
    const input = [user, ...first.output, output] as OpenAI.Responses.ResponseInput;
    const second = await client.responses.create({ model: "tiny", input, store: false });
    expect(second.output_text).toBe("Done");
    const third = [...input, ...second.output, user] as OpenAI.Responses.ResponseInput;
    expect((await client.responses.create({ model: "tiny", input: third, store: false })).status).toBe(
      "completed",
    );
    expect(runtime.requests.length).toBe(9);
  } finally {
    await servers.stop();
  }
});
