import { describe, expect, setDefaultTimeout, test } from "bun:test";
import OpenAI from "openai";
import { LengthFinishReasonError } from "openai/error";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { testLimitMs } from "../../support/test_limit.ts";
import { roomForCall, serveTests, shapeSchema } from "./support.ts";

setDefaultTimeout(testLimitMs);

const { client } = await serveTests();

const asked = {
  model: "default",
  messages: [{ role: "user", content: "Which shape is it?" }],
  temperature: 1,
  seed: 3,
  max_tokens: roomForCall,
} satisfies OpenAI.ChatCompletionCreateParams;

describe("openai, structured output", () => {
  const response_format = zodResponseFormat(shapeSchema, "shape");

  test("chat.completions.parse() gives what the schema describes", async () => {
    const { choices: [choice] } = await client.chat.completions.parse({ ...asked, response_format });
    expect(shapeSchema.parse(choice!.message.parsed)).toEqual(choice!.message.parsed!);
    expect(choice!.finish_reason).toBe("stop");
  });

  test("an answer that is cut off is a LengthFinishReasonError", async () => {
    const cut = client.chat.completions.parse({ ...asked, max_tokens: 2, response_format });
    expect(await cut.then(() => undefined, (error) => error)).toBeInstanceOf(LengthFinishReasonError);
  });

  test("stream() parses while it streams", async () => {
    const stream = client.chat.completions.stream({ ...asked, response_format });
    const final = await stream.finalChatCompletion();
    expect(shapeSchema.safeParse(final.choices[0]!.message.parsed).success).toBe(true);
  });

  test("responses.parse() gives what the schema describes", async () => {
    const response = await client.responses.parse({
      model: "default",
      input: "Which shape is it?",
      max_output_tokens: roomForCall,
      text: { format: zodTextFormat(shapeSchema, "shape") },
    });
    expect(shapeSchema.safeParse(response.output_parsed).success).toBe(true);
  });

  test("a schema that leads nowhere is a BadRequestError that names it", async () => {
    const schema = { $ref: "#/$defs/nothing" };
    const refused = client.chat.completions.create({
      ...asked,
      response_format: { type: "json_schema", json_schema: { name: "x", strict: true, schema } },
    });
    const error = await refused.then(() => undefined, (error) => error);
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error.param).toStartWith("response_format");
  });
});
