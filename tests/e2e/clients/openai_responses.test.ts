import { describe, expect, setDefaultTimeout, test } from "bun:test";
import OpenAI from "openai";
import { testLimitMs } from "../../support/test_limit.ts";
import { colorTool, pictureUrl, roomForCall, serveTests } from "./support.ts";

setDefaultTimeout(testLimitMs);

const { client } = await serveTests();

const greedy = { model: "default", temperature: 0, max_output_tokens: 24 } as const;
const hello = { ...greedy, input: "Hello" };

describe("openai, responses", () => {
  test("create() answers and counts", async () => {
    const response = await client.responses.create({ ...hello, instructions: "Be brief." });
    expect(response.output_text.length).toBeGreaterThan(0);
    expect(response.status).toBeOneOf(["completed", "incomplete"]);
    const { input_tokens, output_tokens, total_tokens } = response.usage!;
    expect(total_tokens).toBe(input_tokens + output_tokens);
  });

  test("stream: true gives the same words, its events numbered without a gap", async () => {
    const whole = await client.responses.create(hello);
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    for await (const event of await client.responses.create({ ...hello, stream: true })) events.push(event);
    const text = events.flatMap((event) => event.type === "response.output_text.delta" ? event.delta : []);
    expect(text.join("")).toBe(whole.output_text);
    const numbers = events.map((event) => event.sequence_number);
    expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
    expect(events[0]!.type).toBe("response.created");
    expect(events.at(-1)!.type).toBe(`response.${whole.status}` as typeof events[0]["type"]);
  });

  test("stream() collects what create() gives", async () => {
    const whole = await client.responses.create(hello);
    const final = await client.responses.stream(hello).finalResponse();
    expect(final.output_text).toBe(whole.output_text);
    expect(final.usage!.total_tokens).toBe(whole.usage!.total_tokens);
  });

  test("a picture is looked at", async () => {
    const question = { type: "input_text", text: "Describe the picture." } as const;
    const shown = { type: "input_image", image_url: pictureUrl, detail: "auto" } as const;
    const about = (content: OpenAI.Responses.ResponseInputMessageContentList) =>
      client.responses.create({ ...greedy, input: [{ role: "user", content }] });
    const [seen, blind] = [await about([shown, question]), await about([question])];
    expect(seen.output_text.length).toBeGreaterThan(0);
    expect(seen.output_text).not.toBe(blind.output_text);
  });

  test("a function is called, and its result is taken", async () => {
    const input: OpenAI.Responses.ResponseInput = [{ role: "user", content: "Which color is it?" }];
    const tools = [{ type: "function", strict: true, ...colorTool }] satisfies OpenAI.Responses.Tool[];
    const asked = { ...greedy, max_output_tokens: roomForCall, tools };
    const first = await client.responses.create({
      ...asked,
      input,
      tool_choice: "required",
      parallel_tool_calls: false,
    });
    const call = first.output.find((item) => item.type === "function_call");
    expect(JSON.parse(call!.arguments)).toEqual({ color: expect.stringMatching(/^(red|green|blue)$/) });
    const second = await client.responses.create({
      ...asked,
      max_output_tokens: 16,
      tool_choice: "none",
      input: [...input, call!, { type: "function_call_output", call_id: call!.call_id, output: "Noted" }],
    });
    expect(second.output_text).toBeString();
  });

  test("what would need a memory is refused, and says which field", async () => {
    const refused = client.responses.create({ ...hello, previous_response_id: "resp_1" });
    const error = await refused.then(() => undefined, (error) => error);
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ param: "previous_response_id" });
  });
});
