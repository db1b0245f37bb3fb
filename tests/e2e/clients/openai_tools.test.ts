import { describe, expect, setDefaultTimeout, test } from "bun:test";
import OpenAI from "openai";
import { testLimitMs } from "../../support/test_limit.ts";
import { colorTool, roomForCall, serveTests } from "./support.ts";

setDefaultTimeout(testLimitMs);

const { client } = await serveTests();

const tool = { type: "function", function: colorTool } as const;
const asked = {
  model: "default",
  temperature: 0,
  max_tokens: roomForCall,
  messages: [{ role: "user", content: "Which color is it?" }],
  tools: [tool],
  tool_choice: "required",
  parallel_tool_calls: false,
} satisfies OpenAI.ChatCompletionCreateParams;

/** The one call of a message; its arguments are what the tool takes. */
function onlyCall({ content, tool_calls }: OpenAI.ChatCompletionMessage) {
  expect(content).toBeNull();
  expect(tool_calls).toHaveLength(1);
  const [call] = tool_calls!;
  if (call?.type !== "function") throw new Error(`Wanted a function, have ${call?.type}`);
  expect(call.id).toStartWith("call_");
  expect(call.function.name).toBe(colorTool.name);
  expect(JSON.parse(call.function.arguments)).toEqual({
    color: expect.stringMatching(/^(red|green|blue)$/),
  });
  return call;
}

describe("openai, tools", () => {
  test("create() with tool_choice gives a call, and takes its result", async () => {
    const { choices: [first] } = await client.chat.completions.create(asked);
    expect(first!.finish_reason).toBe("tool_calls");
    const call = onlyCall(first!.message);
    const { choices: [second] } = await client.chat.completions.create({
      ...asked,
      max_tokens: 16,
      tool_choice: "none",
      messages: [...asked.messages, first!.message, {
        role: "tool",
        tool_call_id: call.id,
        content: "Noted",
      }],
    });
    expect(second!.message.tool_calls).toBeUndefined();
    expect(second!.message.content).toBeString();
  });

  test("a named function is called, and a result without its call is refused", async () => {
    const tool_choice = { type: "function", function: { name: colorTool.name } } as const;
    const { choices: [choice] } = await client.chat.completions.create({ ...asked, tool_choice });
    onlyCall(choice!.message);
    const orphan = { role: "tool", tool_call_id: "call_nobody", content: "Noted" } as const;
    const refused = client.chat.completions.create({ ...asked, messages: [...asked.messages, orphan] });
    expect(await refused.then(() => undefined, (error) => error)).toBeInstanceOf(OpenAI.BadRequestError);
  });

  test("stream() collects the call that create() gives", async () => {
    const whole = await client.chat.completions.create(asked);
    const stream = client.chat.completions.stream(asked);
    const pieces: string[] = [];
    stream.on("tool_calls.function.arguments.delta", ({ arguments_delta }) => pieces.push(arguments_delta));
    const final = await stream.finalChatCompletion();
    const [streamed, given] = [onlyCall(final.choices[0]!.message), onlyCall(whole.choices[0]!.message)];
    expect(streamed.function.arguments).toBe(given.function.arguments);
    expect(pieces.join("")).toBe(given.function.arguments);
    expect(pieces.length).toBeGreaterThan(1);
    expect(final.choices[0]!.finish_reason).toBe("tool_calls");
  });

  test("runTools() calls the function with what the model gave", async () => {
    const seen: unknown[] = [];
    const runner = client.chat.completions.runTools({
      ...asked,
      tools: [{
        type: "function",
        function: {
          ...colorTool,
          parse: JSON.parse,
          function: (given: unknown) => {
            seen.push(given);
            return "Noted";
          },
        },
      }],
      tool_choice: { type: "function", function: { name: colorTool.name } },
    });
    await runner.done();
    expect(seen).toEqual([{ color: expect.stringMatching(/^(red|green|blue)$/) }]);
  });
});
