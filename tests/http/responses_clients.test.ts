import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, type ModelMessage, Output, stepCountIs, streamText, tool } from "ai";
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { APIError, BadRequestError } from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { DeviceError, RequestError } from "../../src/base/errors.ts";
import { z } from "../../src/http/zod.ts";
import { answer, type Step, until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { calls } from "./responses_support.ts";
import { failure, Servers } from "./servers.ts";

setDefaultTimeout(testLimitMs);

const servers = new Servers();
/** What these clients send is all in the API. */
const start = (script?: Parameters<typeof servers.start>[0]) => servers.start(script, { strict: true });

afterEach(() => servers.stop());

const asked = { model: "tiny", input: "Hi" };
const broken = (): Step[] => [...answer("Hel").slice(0, 2), new DeviceError("vkQueueSubmit failed")];
const weather = {
  type: "function" as const,
  name: "weather",
  parameters: { type: "object", properties: { city: { type: "string" } } },
  strict: false,
};

test("openai: responses.create() gets the text and the usage", async () => {
  const { client } = start();
  const response = await client.responses.create(asked);
  expect(response.output_text).toBe("Hello, world");
  expect(response.usage).toMatchObject({ input_tokens: 21, output_tokens: 3, total_tokens: 24 });
});

test("openai: a stream is iterated, and leaving it ends the sequence", async () => {
  const { client, runtime } = start(() => [...answer("Hel", "lo").slice(0, 3), { waitMs: 60_000 }]);
  const stream = await client.responses.create({ ...asked, stream: true });
  let text = "";
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") text += event.delta;
    if (text === "Hello") break;
  }
  await until(() => runtime.aborted === 1);
});

test("openai: the stream helper puts text and calls together", async () => {
  const { client } = start(() => calls("Let me see", ["weather", '{"city":', '"Paris"}'], ["weather", "{}"]));
  const stream = client.responses.stream({ ...asked, tools: [weather] });
  const pieces: string[] = [];
  stream.on("response.function_call_arguments.delta", ({ delta }) => pieces.push(delta));
  const response = await stream.finalResponse();
  expect(response.status).toBe("completed");
  expect(response.output_text).toBe("Let me see");
  expect(response.output.map((item) => item.type)).toEqual(["message", "function_call", "function_call"]);
  expect(pieces).toEqual(['{"city":', '"Paris"}', "{}"]);
});

test("openai: an answer that was cut off says so in the stream helper", async () => {
  const cut = answer("Hel").map((e) => e.type === "end" ? { ...e, finishReason: "length" as const } : e);
  const { client } = start(() => cut);
  const { status, incomplete_details } = await client.responses.stream(asked).finalResponse();
  expect([status, incomplete_details!.reason]).toEqual(["incomplete", "max_output_tokens"]);
});

test("openai: responses.parse() gets an object, and none of an answer that was cut off", async () => {
  const [whole, part] = [answer('{"a":', "1}"), answer('{"a":')];
  const cut = part.map((e) => e.type === "end" ? { ...e, finishReason: "length" as const } : e);
  let turn = 0;
  const { client, runtime } = start(() => turn++ === 0 ? whole : cut);
  const text = { format: zodTextFormat(z.object({ a: z.number() }), "thing") };
  expect((await client.responses.parse({ ...asked, text })).output_parsed).toEqual({ a: 1 });
  expect((await client.responses.parse({ ...asked, text })).output_parsed).toBeNull();
  expect(runtime.requests[0]!.constraint).toMatchObject({
    type: "json_schema",
    schema: { type: "object", required: ["a"], additionalProperties: false },
  });
});

test("openai: what came back is sent again, with the result of the call", async () => {
  let turn = 0;
  const { client, runtime } = start(() => turn++ === 0 ? calls("", ["weather", "{}"]) : answer("Sunny"));
  const input = [{ role: "user" as const, content: "Hi" }];
  const { output } = await client.responses.create({ model: "tiny", input, tools: [weather] });
  const [call] = output;
  if (call?.type !== "function_call") throw new Error("It should have called");
  const result = { type: "function_call_output" as const, call_id: call.call_id, output: "20 degrees" };
  const second = await client.responses.create({
    model: "tiny",
    input: [...input, call, result],
    tools: [weather],
  });
  expect(second.output_text).toBe("Sunny");
  expect(runtime.requests[1]!.messages.slice(1)).toMatchObject([
    { role: "assistant", toolCalls: [{ id: "call_0", name: "weather" }] },
    { role: "tool", toolCallId: "call_0" },
  ]);
});

test("openai: refusals and failures are errors of their classes", async () => {
  const refused = start();
  const error = await failure(refused.client.responses.create({ ...asked, previous_response_id: "resp_1" }));
  expect(error).toBeInstanceOf(BadRequestError);
  expect((error as BadRequestError).param).toBe("previous_response_id");
  const { client } = start(broken);
  const failed = await failure(client.responses.stream(asked).finalResponse());
  expect(failed).toBeInstanceOf(APIError);
  expect((failed as APIError).message).toContain("The GPU failed");
});

function openai(url: string) {
  return createOpenAI({ baseURL: `${url}/v1`, apiKey: "none" })("tiny");
}

test("ai: generateText() sends a system message and a picture, and gets text and usage", async () => {
  const { server, runtime } = start();
  const messages: ModelMessage[] = [{
    role: "user",
    content: [
      { type: "text", text: "What?" },
      { type: "file", data: Uint8Array.of(1, 2, 3), mediaType: "image/png" },
    ],
  }];
  const { text, usage, finishReason } = await generateText({
    model: openai(server.url),
    instructions: "Be brief",
    messages,
    maxOutputTokens: 9,
  });
  expect([text, usage.inputTokens, usage.outputTokens, finishReason]).toEqual([
    "Hello, world",
    21,
    3,
    "stop",
  ]);
  expect(runtime.requests[0]).toMatchObject({
    messages: [
      { role: "system", content: [{ text: "Be brief" }] },
      { role: "user", content: [{ type: "text" }, { type: "image" }] },
    ],
    maxTokens: 9,
  });
});

test("ai: streamText() gets the pieces, and its end", async () => {
  const { server } = start();
  const result = streamText({ model: openai(server.url), prompt: "Hi" });
  const pieces: string[] = [];
  for await (const piece of result.textStream) pieces.push(piece);
  expect(pieces).toEqual(["Hello", ", ", "world"]);
  expect([await result.finishReason, (await result.usage).totalTokens]).toEqual(["stop", 24]);
});

test("ai: a tool is called with its arguments, and its result is answered", async () => {
  for (const streaming of [false, true]) {
    let turn = 0;
    const { server, runtime } = start(() =>
      turn++ === 0 ? calls("", ["weather", '{"city":', '"Paris"}']) : answer("Sunny")
    );
    const cities: string[] = [];
    const options = {
      model: openai(server.url),
      prompt: "Hi",
      stopWhen: stepCountIs(3),
      tools: {
        weather: tool({
          description: "Of a city",
          inputSchema: jsonSchema<{ city: string }>({
            type: "object",
            properties: { city: { type: "string" } },
          }),
          execute({ city }) {
            cities.push(city);
            return Promise.resolve("20 degrees");
          },
        }),
      },
    };
    const text = streaming ? await streamText(options).text : (await generateText(options)).text;
    expect([text, cities]).toEqual(["Sunny", ["Paris"]]);
    expect(runtime.requests[1]!.messages.map((message) => message.role)).toEqual([
      "user",
      "assistant",
      "tool",
    ]);
  }
});

test("ai: an object is asked for by its schema", async () => {
  const { server, runtime } = start(() => answer('{"a":', "1}"));
  const schema = jsonSchema<{ a: number }>({
    type: "object",
    properties: { a: { type: "number" } },
    required: ["a"],
  });
  const asked = { model: openai(server.url), prompt: "Hi", output: Output.object({ schema }) };
  expect((await generateText(asked)).output).toEqual({ a: 1 });
  expect(await streamText(asked).output).toEqual({ a: 1 });
  expect(runtime.requests[1]!.constraint).toMatchObject({ type: "json_schema", schema: { required: ["a"] } });
});

test("ai: a conversation goes on where the client is told that nothing is stored, and else the refusal tells how", async () => {
  const { server, runtime } = start();
  const model = openai(server.url);
  const { response } = await generateText({ model, prompt: "Hi" });
  const messages: ModelMessage[] = [
    { role: "user", content: "Hi" },
    ...response.messages,
    { role: "user", content: "Why?" },
  ];
  const providerOptions = { openai: { store: false } };
  expect((await generateText({ model, messages, providerOptions })).text).toBe("Hello, world");
  expect(runtime.requests[1]!.messages.map((message) => message.role)).toEqual(["user", "assistant", "user"]);
  const refusal = await failure(generateText({ model, messages }));
  expect(refusal).toMatchObject({ statusCode: 400, message: expect.stringContaining('"store" to false') });
});

test("ai: an answer that was cut off, a refusal and a failure are told apart", async () => {
  const cut = answer("Hel").map((e) => e.type === "end" ? { ...e, finishReason: "length" as const } : e);
  const ended = start(() => cut);
  expect(await streamText({ model: openai(ended.server.url), prompt: "Hi" }).finishReason).toBe("length");
  const refused = start(() => [new RequestError("Too long", { param: "messages" })]);
  const error = await failure(generateText({ model: openai(refused.server.url), prompt: "Hi" }));
  expect(error).toMatchObject({ statusCode: 400, isRetryable: false });
  const failing = start(broken);
  const errors: unknown[] = [];
  const result = streamText({
    model: openai(failing.server.url),
    prompt: "Hi",
    onError: ({ error }) => void errors.push(error),
  });
  await result.consumeStream();
  expect(errors.length).toBe(1);
  expect(Bun.inspect(errors[0])).toContain("The GPU failed");
});
