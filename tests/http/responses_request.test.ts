import { expect, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { errorResponse } from "../../src/http/response_schemas.ts";
import { ask, calls, question, whole } from "./responses_support.ts";
import { json, pictureBytes, testApp } from "./support.ts";

const text = (value: string) => [{ type: "text" as const, text: value }];

test("items, instructions and pictures become the runtime's messages in order", async () => {
  const { app, runtime, loaded } = testApp();
  const url = "data:image/png;base64,AAAA";
  await whole(
    await app.fetch(ask({
      model: "tiny",
      instructions: "Be brief",
      input: [
        { role: "developer", content: "In French" },
        {
          type: "message",
          role: "user",
          content: [{ type: "input_image", image_url: url, detail: "low" }, {
            type: "input_text",
            text: "What?",
          }],
        },
        {
          type: "message",
          id: "msg_1",
          status: "completed",
          role: "assistant",
          content: [{ type: "output_text", text: "Let me see", annotations: [], logprobs: [] }],
        },
        {
          type: "function_call",
          id: "fc_1",
          call_id: "c1",
          name: "look",
          arguments: '{"at":1}',
          status: "completed",
        },
        { type: "function_call_output", call_id: "c1", output: [{ type: "input_text", text: "a cat" }] },
        { role: "assistant", content: [{ type: "refusal", refusal: "No" }] },
        { role: "user", content: "Why?" },
      ],
    })),
  );
  expect(runtime.requests[0]!.messages).toEqual([
    { role: "system", content: text("Be brief") },
    { role: "system", content: text("In French") },
    { role: "user", content: [{ type: "image", bytes: pictureBytes, detail: "low" }, ...text("What?")] },
    { role: "assistant", content: text("Let me see") },
    { role: "assistant", content: [], toolCalls: [{ id: "c1", name: "look", arguments: { at: 1 } }] },
    { role: "tool", content: text("a cat"), toolCallId: "c1" },
    { role: "assistant", content: text("No") },
    { role: "user", content: text("Why?") },
  ]);
  expect(loaded).toEqual([url]);
});

test("every field that acts reaches the runtime", async () => {
  const { app, runtime } = testApp();
  await whole(
    await app.fetch(ask({
      ...question,
      max_output_tokens: 7,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      seed: 5,
      stop: "END",
      top_logprobs: 4,
    })),
  );
  expect(runtime.requests[0]).toMatchObject({
    messages: [{ role: "user", content: text("Hi") }],
    sampling: { temperature: 0.5, topP: 0.9, topK: 40, seed: 5, logprobs: 4 },
    maxTokens: 7,
    stop: ["END"],
    client: { caller: expect.any(String), user: "" },
  });
  const nulls = {
    temperature: null,
    tools: null,
    text: null,
    store: null,
    metadata: null,
    instructions: null,
  };
  await whole(await app.fetch(ask({ ...question, ...nulls })));
  expect(runtime.requests[1]!.sampling).toEqual({});
});

test("functions are told to the model as to a chat client's, without what is for the server", async () => {
  const { app, runtime } = testApp();
  const parameters = { type: "object", properties: { city: { type: "string" } } };
  const tools = [{ type: "function", name: "weather", description: "Of a city", parameters, strict: false }];
  const body = await whole(await app.fetch(ask({ ...question, tools, tool_choice: "auto" })));
  expect(runtime.requests[0]!.tools).toEqual([
    { type: "function", function: { name: "weather", description: "Of a city", parameters } },
  ]);
  expect(body.tools).toEqual(tools);
  await whole(await app.fetch(ask({ ...question, tools, tool_choice: "none" })));
  expect(runtime.requests[1]!.tools).toBeUndefined();
});

test("the ways to choose functions are those of chat", async () => {
  const { app, runtime } = testApp(() => calls("", ["time", "{}"]));
  const tools = ["weather", "time"].map((name) => ({ type: "function", name, strict: name === "time" }));
  const named = (name: string) => ({ type: "function", name });
  const chosen = async (fields: object) => {
    const body = await whole(await app.fetch(ask({ ...question, tools, ...fields })));
    expect(body).toMatchObject(fields);
    return runtime.requests.at(-1)!.toolChoice;
  };
  const [weather, time] = [{ name: "weather", strict: false }, { name: "time", strict: true }];
  const functions = [weather, time];
  expect(await chosen({})).toEqual({ mode: "auto", functions, parallel: true });
  expect(await chosen({ tool_choice: "required", parallel_tool_calls: false }))
    .toEqual({ mode: "required", functions, parallel: false });
  expect(await chosen({ tool_choice: named("time") }))
    .toEqual({ mode: "required", functions: [time], parallel: false });
  expect(await chosen({ tool_choice: { type: "allowed_tools", mode: "auto", tools: [named("weather")] } }))
    .toEqual({ mode: "auto", functions: [weather], parallel: true });
  const refused = await app.fetch(ask({ ...question, tools, tool_choice: named("date") }));
  expect([refused.status, (await json(refused)).error.param]).toEqual([400, "tool_choice"]);
});

test("a format of the text is a constraint, and what is wrong with it is named as the client wrote it", async () => {
  const { app, runtime } = testApp();
  const schema = { type: "object", properties: { a: { type: "integer" } } };
  const format = { type: "json_schema", name: "thing", schema, strict: true };
  const body = await whole(await app.fetch(ask({ ...question, text: { format } })));
  expect(body.text).toEqual({ format });
  await whole(await app.fetch(ask({ ...question, text: { format: { type: "json_object" } } })));
  await whole(await app.fetch(ask({ ...question, text: { format: { type: "text" } } })));
  expect(runtime.requests.map((request) => request.constraint)).toEqual([
    { type: "json_schema", schema },
    { type: "json" },
    undefined,
  ]);
  const twice = await json(await app.fetch(ask({ ...question, text: { format }, regex: "a+" })));
  expect(twice.error).toMatchObject({
    param: "regex",
    message: '"regex" must be left out beside "text.format"',
  });
  const invalid = new RequestError("The schema has no end", {
    param: "response_format",
    code: "invalid_schema",
  });
  const refused = await testApp(() => [invalid]).app.fetch(ask({ ...question, text: { format } }));
  expect([refused.status, (await json(refused)).error.param]).toEqual([400, "text.format"]);
});

test("what needs a memory or a tool of the server's own is refused by its name", async () => {
  const { app, runtime } = testApp();
  const refused: [string, object][] = [
    ["store", { store: true }],
    ["previous_response_id", { previous_response_id: "resp_1" }],
    ["conversation", { conversation: "conv_1" }],
    ["background", { background: true }],
    ["response_format", { response_format: { type: "json_object" } }],
    ["prompt", { prompt: { id: "pmpt_1" } }],
    ["tools[0].type", { tools: [{ type: "web_search" }] }],
    ["tool_choice", { tool_choice: { type: "file_search" } }],
    ["input[0].type", { input: [{ type: "item_reference", id: "msg_1" }] }],
  ];
  for (const [param, fields] of refused) {
    const response = await app.fetch(ask({ ...question, ...fields }));
    const body = errorResponse.parse(await json(response));
    expect([response.status, body.error.param]).toEqual([400, param]);
  }
  expect(runtime.requests).toEqual([]);
  await whole(
    await app.fetch(ask({ ...question, store: false, background: false, previous_response_id: null })),
  );
});

test("a field that is wrong is named as the client wrote it", async () => {
  const { app } = testApp();
  const picture = { type: "input_image", image_url: "data:," };
  const tool = { type: "function", name: "a" };
  const wrong: [string, object][] = [
    ["model", { model: undefined }],
    ["input", { input: undefined }],
    ["input", { input: [] }],
    ["input[0].role", { input: [{ role: "tool", content: "x" }] }],
    ["input[0].content[0].type", { input: [{ role: "user", content: [{ type: "input_file" }] }] }],
    ["input[0].content[0].type", { input: [{ role: "system", content: [picture] }] }],
    ["input[0].content[0].image_url", {
      input: [{ role: "user", content: [{ type: "input_image", file_id: "file_1" }] }],
    }],
    ["input[0].arguments", { input: [{ type: "function_call", call_id: "a", name: "f", arguments: "[" }] }],
    ["input[1].call_id", {
      instructions: "Be brief",
      input: [{ role: "user", content: "x" }, { type: "function_call_output", call_id: "a", output: "1" }],
    }],
    ["input[0].content[8].image_url", {
      input: [{
        role: "user",
        content: Array(9).fill(picture).map((p, i) => ({ ...p, image_url: `data:,${i}` })),
      }],
    }],
    ["tools[1].name", { tools: [tool, tool] }],
    ["temperature", { temperature: 3 }],
    ["max_output_tokens", { max_output_tokens: 0 }],
    ["top_logprobs", { top_logprobs: 21 }],
    ["text.format.type", { text: { format: { type: "xml" } } }],
    ["metadata", { metadata: { ["k".repeat(65)]: "v" } }],
    ["metadata.a", { metadata: { a: 1 } }],
    ["metadata", { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, "v"])) }],
  ];
  for (const [param, fields] of wrong) {
    const response = await app.fetch(ask({ ...question, ...fields }));
    const { error } = errorResponse.parse(await json(response));
    expect([response.status, error.param]).toEqual([400, param]);
    expect(error.message).not.toContain('"messages');
  }
});

test("what the runtime refuses is a status with the client's own field, also of a stream", async () => {
  const invalid = new RequestError("The picture is damaged", { code: "invalid_image" });
  const long = new RequestError('"messages" has 600 tokens', {
    param: "messages",
    code: "context_length_exceeded",
  });
  const input = [{ role: "user", content: [{ type: "input_image", image_url: "data:," }] }];
  for (const stream of [false, true]) {
    const damaged = await testApp(() => [invalid]).app.fetch(ask({ ...question, input, stream }));
    const tooLong = await testApp(() => [long]).app.fetch(ask({ ...question, stream }));
    expect([damaged.status, tooLong.status]).toEqual([400, 400]);
    expect((await json(damaged)).error.param).toBe("input[0].content[0].image_url");
    expect((await json(tooLong)).error).toMatchObject({ param: "input", message: '"input" has 600 tokens' });
  }
});

test("what has no effect is listed, and refused by --strict where the API has no such field (D30)", async () => {
  const fields = {
    include: ["reasoning.encrypted_content"],
    stream_options: { include_obfuscation: true },
    text: { verbosity: "low" },
    truncation: "auto",
  };
  const response = await testApp().app.fetch(
    ask({ ...question, ...fields, reasoning: { effort: "low" }, nonsense: 1 }),
  );
  const ignored = response.headers.get("x-llamav-ignored")!.split(", ");
  expect(ignored.toSorted()).toEqual([
    "include",
    "nonsense",
    "reasoning",
    "stream_options.include_obfuscation",
    "text.verbosity",
    "truncation",
  ]);
  const { app } = testApp(undefined, { strict: true });
  await whole(await app.fetch(ask({ ...question, ...fields })));
  expect((await app.fetch(ask({ ...question, nonsense: 1 }))).status).toBe(400);
});
