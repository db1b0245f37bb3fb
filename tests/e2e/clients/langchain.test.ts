import { type AIMessageChunk, HumanMessage, SystemMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import { expect, setDefaultTimeout, test } from "bun:test";
import { testLimitMs } from "../../support/test_limit.ts";
import { apiKey, colorTool, pictureUrl, roomForCall, serveTests, shapeSchema } from "./support.ts";

setDefaultTimeout(testLimitMs);

const { server } = await serveTests();

function chat(options: ConstructorParameters<typeof ChatOpenAI>[0] = {}): ChatOpenAI {
  return new ChatOpenAI({
    model: "default",
    temperature: 0,
    maxTokens: 24,
    maxRetries: 0,
    apiKey,
    configuration: { baseURL: `${server.url}/v1` },
    ...options,
  });
}

test("ChatOpenAI.invoke() answers and counts", async () => {
  const message = await chat().invoke([new SystemMessage("Be brief."), new HumanMessage("Hello")]);
  expect(message.text.length).toBeGreaterThan(0);
  const { input_tokens, output_tokens, total_tokens } = message.usage_metadata!;
  expect(total_tokens).toBe(input_tokens + output_tokens);
  expect(message.response_metadata["finish_reason"]).toBeOneOf(["stop", "length"]);
});

test("ChatOpenAI.stream() gives the same words, and the counts at the end", async () => {
  const whole = await chat().invoke("Hello");
  let [text, total] = ["", 0];
  for await (const chunk of await chat().stream("Hello")) {
    text += chunk.text;
    total = chunk.usage_metadata?.total_tokens ?? total;
  }
  expect(text).toBe(whole.text);
  expect(total).toBe(whole.usage_metadata!.total_tokens);
});

test("ChatOpenAI.batch() answers in the order of the questions", async () => {
  const questions = ["Hello", "What can you do?", "Who are you?"];
  const alone: string[] = [];
  for (const question of questions) alone.push((await chat().invoke(question)).text);
  expect((await chat().batch(questions)).map(({ text }) => text)).toEqual(alone);
});

test("ChatOpenAI shows a picture", async () => {
  const question = { type: "text", text: "Describe the picture." };
  const shown = { type: "image_url", image_url: { url: pictureUrl } };
  const seen = await chat().invoke([new HumanMessage({ content: [shown, question] })]);
  const blind = await chat().invoke([new HumanMessage({ content: [question] })]);
  expect(seen.text.length).toBeGreaterThan(0);
  expect(seen.text).not.toBe(blind.text);
});

test("ChatOpenAI.bindTools() gives the calls", async () => {
  const bound = chat({ maxTokens: roomForCall }).bindTools([{ type: "function", function: colorTool }], {
    tool_choice: "required",
    parallel_tool_calls: false,
  });
  const wanted = [{ name: colorTool.name, args: { color: expect.stringMatching(/^(red|green|blue)$/) } }];
  const message = await bound.invoke("Which color is it?");
  expect(message.tool_calls).toMatchObject(wanted);
  let streamed: AIMessageChunk | undefined;
  for await (const chunk of await bound.stream("Which color is it?")) {
    streamed = streamed ? streamed.concat(chunk) : chunk;
  }
  expect(streamed!.tool_calls!.map(({ args }) => args)).toEqual(message.tool_calls!.map(({ args }) => args));
});

test("ChatOpenAI.withStructuredOutput() gives what the schema describes", async () => {
  const limited = chat({ maxTokens: roomForCall });
  for (const method of ["jsonSchema", "functionCalling"] as const) {
    const shape = await limited.withStructuredOutput(shapeSchema, { name: "shape", method }).invoke("Hello");
    expect({ method, ...shapeSchema.parse(shape) }).toEqual({ method, ...shape });
  }
});

test("ChatOpenAI passes a refusal on, with status and code", async () => {
  const refused = chat({ model: "gpt-4o" }).invoke("Hello");
  const error = await refused.then(() => undefined, (error: unknown) => error);
  expect(error).toMatchObject({ status: 404, code: "model_not_found" });
});
