import { afterAll, describe, expect, test } from "bun:test";
import type OpenAI from "openai";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";
import type { GenerateEvent, GenerateRequest } from "../../src/runtime/request.ts";
import { answer, fakeUsage } from "../support/fake_runtime.ts";
import { chatChunkOf, chatCompletionOf } from "../support/openai_api.ts";
import { failure, Servers } from "./servers.ts";
import { chat, eventsOf, json, question, testApp } from "./support.ts";

// Numbers in the names, such as "D34", are the assertions of the HTTP contract.

const servers = new Servers();
afterAll(() => servers.stop());

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { type: "function" as const, function: { name: "get_weather", parameters, strict: true } };
const time = { type: "function" as const, function: { name: "get_time" } };
const tools = [weather, time];

type Call = readonly [name: string, ...pieces: string[]];

/** The events of an answer: its text, and then calls with the pieces of their arguments. */
function called(text: string, ...calls: readonly Call[]): GenerateEvent[] {
  const [start, ...rest] = answer(...text === "" ? [] : [text]);
  let completionTokens = 1;
  const common = () => ({ choice: 0, completionTokens: ++completionTokens });
  const events = calls.flatMap(([name, ...pieces], index): GenerateEvent[] => [
    { type: "tool_call", index, id: `call_${index}`, name, ...common() },
    ...pieces.map((piece): GenerateEvent => ({ type: "tool_arguments", index, text: piece, ...common() })),
  ]);
  const usage = { ...fakeUsage, completionTokens };
  const end: GenerateEvent = { type: "end", choice: 0, finishReason: "tool_calls", usage };
  return [start!, ...rest.slice(0, -1), ...events, end];
}

const twoCalls = () => called("", ["get_weather", '{"ci', 'ty": "Par', 'is"}'], ["get_time", "{}"]);

describe("a call in an answer", () => {
  test("has its arguments as text, a finish reason of its own, and no content beside it (D1, D35)", async () => {
    const { app } = testApp(twoCalls);
    const body = await json(await app.fetch(chat({ ...question, tools })));
    expect(chatCompletionOf(body).choices).toEqual([{
      index: 0,
      message: {
        role: "assistant",
        content: null,
        refusal: null,
        tool_calls: [
          {
            id: "call_0",
            type: "function",
            function: { name: "get_weather", arguments: '{"city": "Paris"}' },
          },
          { id: "call_1", type: "function", function: { name: "get_time", arguments: "{}" } },
        ],
      },
      logprobs: null,
      finish_reason: "tool_calls",
    }]);
  });

  test("keeps the text before it, and an answer without calls has no key for them (D35)", async () => {
    const { app } = testApp(({ toolChoice }) =>
      toolChoice ? called("I look.", ["get_time", "{}"]) : answer("Hi")
    );
    const withCall = (await json(await app.fetch(chat({ ...question, tools })))).choices[0];
    expect(withCall.message).toMatchObject({ content: "I look.", tool_calls: [{ id: "call_0" }] });
    const without = (await json(await app.fetch(chat(question)))).choices[0];
    expect(without).toMatchObject({ message: { content: "Hi" }, finish_reason: "stop" });
    expect("tool_calls" in without.message).toBe(false);
  });

  test("streams as id, type and name, and then arguments alone (D1, D12–D14, D36)", async () => {
    const { app } = testApp(twoCalls);
    const body = { ...question, tools, stream: true, stream_options: { include_usage: true } };
    const chunks = eventsOf(await (await app.fetch(chat(body))).text());
    for (const chunk of chunks) chatChunkOf(chunk);
    expect(
      chunks.flatMap((chunk) =>
        chunk.choices.map(({ delta, finish_reason }: never) => [delta, finish_reason])
      ),
    )
      .toEqual([
        [{ role: "assistant", content: null }, null],
        [{ tool_calls: [first(0, "get_weather")] }, null],
        [{ tool_calls: [{ index: 0, function: { arguments: '{"ci' } }] }, null],
        [{ tool_calls: [{ index: 0, function: { arguments: 'ty": "Par' } }] }, null],
        [{ tool_calls: [{ index: 0, function: { arguments: 'is"}' } }] }, null],
        [{ tool_calls: [first(1, "get_time")] }, null],
        [{ tool_calls: [{ index: 1, function: { arguments: "{}" } }] }, null],
        [{}, "tool_calls"],
      ]);
    expect(chunks.at(-1).usage.completion_tokens).toBe(7);
  });

  test("counts its tokens on the way (D18)", async () => {
    const { app } = testApp(twoCalls);
    const options = { include_usage: true, continuous_usage_stats: true };
    const body = { ...question, tools, stream: true, stream_options: options };
    const chunks = eventsOf(await (await app.fetch(chat(body))).text());
    const counts = chunks.map((chunk) => chunk.usage.completion_tokens);
    expect(counts).toEqual([0, 2, 3, 4, 5, 6, 7, 7, 7]);
  });

  function first(index: number, name: string) {
    return { index, id: `call_${index}`, type: "function", function: { name, arguments: "" } };
  }
});

describe("what a client says of its tools reaches the runtime (D34, D37)", () => {
  const all = [
    { name: "get_weather", parameters, strict: true },
    { name: "get_time", parameters: undefined, strict: false },
  ];
  const named = (name: string) => ({ type: "function", function: { name } });
  const allowed = (mode: string, ...names: string[]) => ({
    type: "allowed_tools",
    allowed_tools: { mode, tools: names.map(named) },
  });
  const cases: [string, Record<string, unknown>, GenerateRequest["toolChoice"]][] = [
    ["nothing", {}, { mode: "auto", functions: all, parallel: true }],
    ["null", { tool_choice: null, parallel_tool_calls: null }, {
      mode: "auto",
      functions: all,
      parallel: true,
    }],
    ["auto", { tool_choice: "auto" }, { mode: "auto", functions: all, parallel: true }],
    ["required", { tool_choice: "required" }, { mode: "required", functions: all, parallel: true }],
    ["none", { tool_choice: "none" }, undefined],
    ["one call", { parallel_tool_calls: false }, { mode: "auto", functions: all, parallel: false }],
    ["a name", { tool_choice: named("get_time") }, {
      mode: "required",
      functions: [all[1]!],
      parallel: false,
    }],
    ["what is allowed", { tool_choice: allowed("auto", "get_time") }, {
      mode: "auto",
      functions: [all[1]!],
      parallel: true,
    }],
    ["what is allowed and required", { tool_choice: allowed("required", "get_time", "get_weather") }, {
      mode: "required",
      functions: all,
      parallel: true,
    }],
  ];
  for (const [what, fields, expected] of cases) {
    test(what, async () => {
      const { app, runtime } = testApp();
      const response = await app.fetch(chat({ ...question, tools, ...fields }));
      expect(response.status).toBe(200);
      expect(response.headers.has("x-llamav-ignored")).toBe(false);
      expect(runtime.requests[0]!.toolChoice).toEqual(expected);
      // The model is told of all functions, or of none: the prompt stays the same whichever may be called.
      expect(runtime.requests[0]!.tools).toEqual(expected && tools);
    });
  }

  const wrong: [string, Record<string, unknown>, string][] = [
    ["a call without tools", { tool_choice: "required" }, "tool_choice"],
    ["a function that is not there", { tools, tool_choice: named("get_tide") }, "tool_choice"],
    [
      "an allowed function that is not there",
      { tools, tool_choice: allowed("auto", "get_tide") },
      "tool_choice",
    ],
    ["no function at all", { tools, tool_choice: allowed("auto") }, "tool_choice.allowed_tools.tools"],
    ["another mode", { tools, tool_choice: allowed("none", "get_time") }, "tool_choice"],
    ["another kind of tool", { tools: [{ type: "custom", custom: { name: "x" } }] }, "tools[0].type"],
    ["parameters that are no object", {
      tools: [time, { ...time, function: { name: "f", parameters: { type: "array" } } }],
    }, "tools[1].function.parameters"],
    ["a name twice", { tools: [time, time] }, "tools[1].function.name"],
    [
      "a long name",
      { tools: [{ type: "function", function: { name: "f".repeat(65) } }] },
      "tools[0].function.name",
    ],
    ["129 tools", {
      tools: Array.from({ length: 129 }, (_, i) => ({ type: "function", function: { name: `f${i}` } })),
    }, "tools"],
    ["no boolean", { tools, parallel_tool_calls: "no" }, "parallel_tool_calls"],
  ];
  for (const [what, fields, param] of wrong) {
    test(`${what} is a 400 that names ${param}`, async () => {
      const { app, runtime } = testApp();
      const response = await app.fetch(chat({ ...question, ...fields }));
      expect([response.status, (await json(response)).error.param]).toEqual([400, param]);
      expect(runtime.requests).toEqual([]);
    });
  }

  test("128 tools are taken", async () => {
    const { app, runtime } = testApp();
    const many = Array.from({ length: 128 }, (_, i) => ({ type: "function", function: { name: `f${i}` } }));
    expect((await app.fetch(chat({ ...question, tools: many }))).status).toBe(200);
    expect(runtime.requests[0]!.toolChoice!.functions.length).toBe(128);
  });
});

test("a result goes to the call that it answers, and one that answers none is refused (D38)", async () => {
  const { app, runtime } = testApp();
  const call = { id: "call_7", type: "function", function: { name: "get_time", arguments: "{}" } };
  const turns = (id: string) => [
    ...question.messages,
    { role: "assistant", content: null, tool_calls: [call] },
    { role: "tool", tool_call_id: id, content: "noon" },
  ];
  expect((await app.fetch(chat({ ...question, tools, messages: turns("call_7") }))).status).toBe(200);
  expect(runtime.requests[0]!.messages.slice(1)).toEqual([
    { role: "assistant", content: [], toolCalls: [{ id: "call_7", name: "get_time", arguments: {} }] },
    { role: "tool", content: [{ type: "text", text: "noon" }], toolCallId: "call_7" },
  ]);
  const response = await app.fetch(chat({ ...question, tools, messages: turns("call_8") }));
  expect([response.status, (await json(response)).error.param]).toEqual([400, "messages[2].tool_call_id"]);
});

describe("OpenAI's client", () => {
  const messages: ChatCompletionMessageParam[] = [{ role: "user", content: "Weather in Paris?" }];

  test(".stream() puts the calls together as the whole answer has them (D36)", async () => {
    const { client } = servers.start(twoCalls, { strict: true });
    const request = { model: "tiny", messages, tools } as const;
    const stream = client.chat.completions.stream(request);
    const names: string[] = [];
    stream.on(
      "tool_calls.function.arguments.done",
      ({ name, arguments: text }) => names.push(`${name} ${text}`),
    );
    const streamed = (await stream.finalChatCompletion()).choices[0]!;
    const whole = (await client.chat.completions.create(request)).choices[0]!;
    expect(names).toEqual(['get_weather {"city": "Paris"}', "get_time {}"]);
    const callsOf = ({ message }: OpenAI.ChatCompletion.Choice) =>
      message.tool_calls!.map((call) =>
        call.type === "function" ? [call.id, call.function.name, call.function.arguments] : []
      );
    expect(callsOf(streamed)).toEqual(callsOf(whole));
    expect(streamed.message.content).toBe(null);
    expect(streamed.finish_reason).toBe("tool_calls");
  });

  for (const stream of [false, true]) {
    test(`.runTools() calls and answers, ${stream ? "streamed" : "whole"} (D36)`, async () => {
      const { client, runtime } = servers.start(({ messages }) =>
        messages.some(({ role }) => role === "tool") ? answer("It rains in ", "Paris.") : twoCalls()
      );
      const asked: unknown[] = [];
      const functionOf = (name: string, reply: string) => ({
        type: "function" as const,
        function: {
          name,
          description: name,
          parameters,
          parse: JSON.parse as (text: string) => object,
          function: (value: object) => {
            asked.push([name, value]);
            return reply;
          },
        },
      });
      const request = {
        model: "tiny",
        messages: [...messages],
        tools: [functionOf("get_weather", "rain"), functionOf("get_time", "noon")],
      };
      const runner = stream
        ? client.chat.completions.runTools({ ...request, stream: true })
        : client.chat.completions.runTools(request);
      expect(await runner.finalContent()).toBe("It rains in Paris.");
      expect(asked).toEqual([["get_weather", { city: "Paris" }], ["get_time", {}]]);
      expect(runtime.requests.at(-1)!.messages.map(({ role }) => role)).toEqual([
        "user",
        "assistant",
        "tool",
        "tool",
      ]);
    });
  }

  test("is told of a tool choice that cannot be", async () => {
    const { client } = servers.start();
    const tool_choice = { type: "function" as const, function: { name: "get_tide" } };
    const error = await failure(
      client.chat.completions.create({ model: "tiny", messages, tools, tool_choice }),
    );
    expect(error).toMatchObject({ status: 400, param: "tool_choice" });
  });
});
