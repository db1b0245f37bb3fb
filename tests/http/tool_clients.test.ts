import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { type AIMessageChunk, HumanMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { answer } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { calls } from "./responses_support.ts";
import { Servers } from "./servers.ts";

// Tools with the clients that people use beside OpenAI's own: tools.test.ts has that one.

setDefaultTimeout(testLimitMs);

const servers = new Servers();
afterAll(() => servers.stop());

const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] } as const;
const prompt = "Weather in Paris?";
/** Calls twice, and knows the answer once it has results; takes nothing that the API does not have. */
const start = () =>
  servers.start(
    ({ messages }) =>
      messages.some(({ role }) => role === "tool")
        ? answer("It rains in ", "Paris.")
        : calls("", ["weather", '{"city"', ': "Paris"}'], ["weather", '{"city": "Rome"}']),
    { strict: true },
  );

function aiRequest() {
  const { server, runtime } = start();
  const provider = createOpenAICompatible({ name: "llamav", baseURL: `${server.url}/v1` });
  const asked: string[] = [];
  const weather = tool({
    description: "The weather of a city",
    inputSchema: jsonSchema<{ city: string }>(schema),
    execute({ city }) {
      asked.push(city);
      return "rain";
    },
  });
  const request = { model: provider("tiny"), prompt, tools: { weather }, stopWhen: stepCountIs(3) };
  return { request, runtime, asked };
}

test("the AI SDK calls its tools and gives the results back", async () => {
  const { request, runtime, asked } = aiRequest();
  const { text, steps } = await generateText(request);
  expect(text).toBe("It rains in Paris.");
  expect(asked).toEqual(["Paris", "Rome"]);
  expect(steps[0]!.finishReason).toBe("tool-calls");
  expect(runtime.requests[1]!.messages.map(({ role }) => role)).toEqual([
    "user",
    "assistant",
    "tool",
    "tool",
  ]);
});

test("the AI SDK calls its tools in a stream", async () => {
  const { request, asked } = aiRequest();
  expect(await streamText(request).text).toBe("It rains in Paris.");
  expect(asked).toEqual(["Paris", "Rome"]);
});

test("LangChain sees the calls of a whole answer and of a stream", async () => {
  const { server, runtime } = start();
  const configuration = { baseURL: `${server.url}/v1` };
  const model = new ChatOpenAI({ model: "tiny", apiKey: "none", maxRetries: 0, configuration });
  const tools = [{ type: "function" as const, function: { name: "weather", parameters: schema } }];
  const bound = model.bindTools(tools, { tool_choice: "weather", parallel_tool_calls: false });
  const expected = [{ name: "weather", args: { city: "Paris" } }, {
    name: "weather",
    args: { city: "Rome" },
  }];
  const whole = await bound.invoke([new HumanMessage(prompt)]);
  expect(whole.tool_calls).toMatchObject(expected);
  expect(runtime.requests[0]!.toolChoice).toMatchObject({ mode: "required", parallel: false });
  let streamed: AIMessageChunk | undefined;
  for await (const chunk of await bound.stream(prompt)) streamed = streamed?.concat(chunk) ?? chunk;
  expect(streamed!.tool_calls).toMatchObject(expected);
});
