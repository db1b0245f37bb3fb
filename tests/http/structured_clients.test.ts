import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, Output } from "ai";
import { expect, setDefaultTimeout, test } from "bun:test";
import OpenAI from "openai";
import { LengthFinishReasonError } from "openai/core/error";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "../../src/http/zod.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { openDemoApp } from "./demo_app.ts";

// Answers of the demo model, as people's clients ask for them and read them.

setDefaultTimeout(testLimitMs);

// What these clients send is all in the API.
const { app } = await openDemoApp({ strict: true });

const baseURL = "http://localhost:8000/v1";
const fetchFromApp = Object.assign(
  (url: URL | RequestInfo, init?: RequestInit) => app.fetch(new Request(url, init)),
  { preconnect: () => {} },
);
const client = new OpenAI({ apiKey: "none", baseURL, fetch: fetchFromApp, maxRetries: 0 });
const Shapes = z.object({
  shapes: z.array(z.object({ kind: z.enum(["circle", "square"]), size: z.int().min(1).max(50) })).max(2),
  border: z.boolean().nullable(),
});
const question = { model: "demo", messages: [{ role: "user" as const, content: "Which shapes are there?" }] };

test("OpenAI's parse() gives the value that the schema describes (D33)", async () => {
  const response_format = zodResponseFormat(Shapes, "shapes");
  const completion = await client.chat.completions.parse({ ...question, response_format, max_tokens: 200 });
  const [choice] = completion.choices;
  expect(choice!.finish_reason).toBe("stop");
  expect(Shapes.parse(choice!.message.parsed)).toEqual(choice!.message.parsed!);
});

test("OpenAI's parse() throws where the answer was cut off (D33)", async () => {
  const response_format = zodResponseFormat(Shapes, "shapes");
  const cut = client.chat.completions.parse({ ...question, response_format, max_tokens: 3 });
  expect(await cut.catch((error) => error)).toBeInstanceOf(LengthFinishReasonError);
});

test("the AI SDK gives an object", async () => {
  const provider = createOpenAICompatible({
    name: "llamav",
    baseURL,
    fetch: fetchFromApp,
    supportsStructuredOutputs: true,
  });
  const { output } = await generateText({
    model: provider("demo"),
    prompt: "Which shapes are there?",
    output: Output.object({ schema: jsonSchema(z.toJSONSchema(Shapes)) }),
    maxOutputTokens: 200,
  });
  expect(Shapes.parse(output)).toEqual(output as z.output<typeof Shapes>);
});
