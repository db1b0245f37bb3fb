/** Vercel's AI SDK over its two providers. `openai(model)` speaks `/v1/responses`, the others chat completions. */
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  APICallError,
  generateText,
  jsonSchema,
  type LanguageModel,
  type ModelMessage,
  Output,
  streamText,
  tool,
} from "ai";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { testLimitMs } from "../../support/test_limit.ts";
import { apiKey, colorTool, picture, roomForCall, serveTests, shapeSchema } from "./support.ts";

setDefaultTimeout(testLimitMs);

const models: Record<string, (url: string, model?: string) => LanguageModel> = {
  "@ai-sdk/openai, responses": (url, model = "default") =>
    createOpenAI({ baseURL: `${url}/v1`, apiKey })(model),
  "@ai-sdk/openai, chat": (url, model = "default") =>
    createOpenAI({ baseURL: `${url}/v1`, apiKey }).chat(model),
  "@ai-sdk/openai-compatible": (url, model = "default") =>
    createOpenAICompatible({
      name: "llamav",
      baseURL: `${url}/v1`,
      apiKey,
      includeUsage: true,
      supportsStructuredOutputs: true,
    })(model),
};

const greedy = { temperature: 0, maxOutputTokens: 24, maxRetries: 0 };
const aboutPicture: ModelMessage[] = [{
  role: "user",
  content: [
    { type: "text", text: "Describe the picture." },
    { type: "file", data: picture, mediaType: "image/png" },
  ],
}];

const { server } = await serveTests();

describe.each(Object.entries(models))("ai, %s", (_, modelAt) => {
  test("generateText() answers and counts", async () => {
    const { text, finishReason, usage } = await generateText({
      model: modelAt(server.url),
      ...greedy,
      prompt: "Hello",
    });
    expect(text.length).toBeGreaterThan(0);
    expect(finishReason).toBeOneOf(["stop", "length"]);
    expect(usage.totalTokens).toBe(usage.inputTokens! + usage.outputTokens!);
  });

  test("streamText() gives the same words and the same counts", async () => {
    const asked = { model: modelAt(server.url), ...greedy, prompt: "Hello" };
    const whole = await generateText(asked);
    const result = streamText(asked);
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);
    expect(pieces.join("")).toBe(whole.text);
    expect(pieces.length).toBeGreaterThan(1);
    expect(await result.finishReason).toBe(whole.finishReason);
    expect((await result.usage).totalTokens).toBe(whole.usage.totalTokens);
  });

  test("a picture is looked at", async () => {
    const model = modelAt(server.url);
    const seen = await generateText({ model, ...greedy, messages: aboutPicture });
    const blind = await generateText({ model, ...greedy, prompt: "Describe the picture." });
    expect(seen.text.length).toBeGreaterThan(0);
    expect(seen.text).not.toBe(blind.text);
  });

  test("a tool is called, whole and streamed", async () => {
    const { parameters, description } = colorTool;
    const asked = {
      model: modelAt(server.url),
      ...greedy,
      maxOutputTokens: roomForCall,
      prompt: "Which color is it?",
      tools: { [colorTool.name]: tool({ description, inputSchema: jsonSchema(parameters) }) },
      toolChoice: { type: "tool", toolName: colorTool.name },
    } as const;
    const { toolCalls, finishReason } = await generateText(asked);
    expect(toolCalls).toMatchObject([{
      toolName: colorTool.name,
      input: { color: expect.stringMatching(/^(red|green|blue)$/) },
    }]);
    expect(finishReason).toBe("tool-calls");
    const streamed = await streamText(asked).toolCalls;
    expect(streamed.map(({ input }) => input)).toEqual(toolCalls.map(({ input }) => input));
  });

  test("an object keeps to its schema", async () => {
    const { output } = await generateText({
      model: modelAt(server.url),
      ...greedy,
      maxOutputTokens: roomForCall,
      prompt: "Which shape is it?",
      output: Output.object({ schema: shapeSchema }),
    });
    expect(shapeSchema.parse(output)).toEqual(output);
  });

  test("a refusal is an APICallError with status and message, and is not tried again", async () => {
    const asked = { model: modelAt(server.url, "gpt-4o"), ...greedy, maxRetries: 2, prompt: "Hello" };
    const error = await generateText(asked).then(() => undefined, (error: unknown) => error);
    expect(error).toBeInstanceOf(APICallError);
    expect(error).toMatchObject({ statusCode: 404, isRetryable: false });
    expect((error as APICallError).message).toContain("gpt-4o");
  });
});
