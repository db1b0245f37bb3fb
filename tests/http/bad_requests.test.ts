import { expect, spyOn, test } from "bun:test";
import { limits } from "../../src/http/limits.ts";
import { chat, expectError, json, question, testApp } from "./support.ts";

const { app, runtime } = testApp();

/** Status and the interesting half of the error of one body. */
async function refusal(body: unknown, headers: Record<string, string> = {}): Promise<unknown[]> {
  const response = await app.fetch(chat(body, headers));
  const { error } = await json(response);
  return [response.status, error?.param, error?.code, error?.message];
}

const user = (content: unknown) => ({ model: "tiny", messages: [{ role: "user", content }] });

test("what is no JSON object is a 400 (D3, P08)", async () => {
  for (const body of ["", "{", "[]", '"x"', "1", "null", '{"model":"tiny"} x', "\u0000", "{'a':1}"]) {
    const [status, , code] = await refusal(body);
    expect([body, status, code]).toEqual([body, 400, "invalid_json"]);
  }
});

test("invalid UTF-8 and a byte-order mark do no harm (P08)", async () => {
  const text = new TextEncoder().encode(
    '\ufeff{"model":"tiny","messages":[{"role":"user","content":"a#b"}]}',
  );
  text[text.indexOf(0x23)] = 0xff;
  expect((await app.fetch(chat(text))).status).toBe(200);
  expect(runtime.requests.at(-1)!.messages[0]!.content).toEqual([{ type: "text", text: "a\ufffdb" }]);
});

test("only application/json without encoding is read (H11, H12)", async () => {
  const good = JSON.stringify(question);
  for (
    const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "",
      "application/jsonx",
      "application/json; charset=latin1",
    ]
  ) {
    const response = await app.fetch(chat(good, { "content-type": type }));
    expect(await expectError(response, 415)).toMatchObject({
      code: "unsupported_media_type",
      message: expect.stringContaining('"Content-Type: application/json"'),
    });
  }
  expect((await refusal(good, { "content-encoding": "gzip" }))[0]).toBe(415);
  expect((await app.fetch(chat(good, { "content-type": "Application/JSON; charset=UTF-8" }))).status).toBe(
    200,
  );
});

test("a body over the cap is a 413, declared or not (D8, H06)", async () => {
  expect((await refusal("{}", { "content-length": "33554433" }))[0]).toBe(413);
  expect((await refusal(new Uint8Array(33_554_433).fill(0x20)))[0]).toBe(413);
});

test("deep nesting and floods of values are refused before parsing (P07)", async () => {
  const deep = `{"model":"tiny","messages":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  const wide = `{"model":"tiny","messages":[${"1,".repeat(4_000_000)}1]}`;
  for (const body of [deep, wide]) {
    const request = chat(body);
    const parse = spyOn(JSON, "parse");
    const begin = performance.now();
    const response = await app.fetch(request);
    // Milliseconds, on a machine that does nothing else.
    expect(performance.now() - begin).toBeLessThan(1000);
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
    expect([response.status, (await json(response)).error.code]).toEqual([400, "json_too_complex"]);
  }
  // Brackets, commas and escaped quotes inside a string are text.
  const text = '[{,:"\\'.repeat(50_000);
  expect((await app.fetch(chat(user(text)))).status).toBe(200);
  expect(runtime.requests.at(-1)!.messages[0]!.content[0]).toEqual({ type: "text", text });
});

test("missing fields are named (D4)", async () => {
  expect(await refusal({})).toEqual([400, "model", "missing_required_parameter", '"model" is required']);
  expect((await refusal({ model: "tiny" })).slice(0, 2)).toEqual([400, "messages"]);
  expect(await refusal({ model: "tiny", messages: [] })).toEqual([
    400,
    "messages",
    "invalid_value",
    '"messages" must have at least 1 item, not a list of 0',
  ]);
  expect((await refusal(user(undefined))).slice(0, 2)).toEqual([400, "messages[0].content"]);
});

/** Field, value, and a piece of the message, for fields of the wrong type or outside their limits. */
const wrongFields: [string, unknown, string][] = [
  ["model", 5, "must be a string, not 5"],
  ["model", "", "must have at least 1 character"],
  ["stream", "yes", 'must be a boolean, not "yes"'],
  ["temperature", 2.1, "must be at most 2, not 2.1"],
  ["temperature", -0.1, "must be at least 0"],
  ["temperature", "0.5", 'must be a number, not "0.5"'],
  ["top_p", 1.5, "must be at most 1"],
  ["top_k", -5, "must be at least 0"],
  ["top_k", 1.5, "must be a whole number"],
  ["min_p", 2, "must be at most 1"],
  ["repetition_penalty", 0, "must be at least 0.01"],
  ["presence_penalty", 3, "must be at most 2"],
  ["frequency_penalty", -3, "must be at least -2"],
  ["seed", 1.5, "must be a whole number of 64 bits"],
  ["seed", 2 ** 64, "must be a whole number of 64 bits"],
  ["max_tokens", 0, "must be at least 1"],
  ["max_tokens", -1, "must be at least 1"],
  ["max_tokens", 2 ** 31, "must be at most 2147483647"],
  ["max_tokens", 1e308, "must be"],
  ["max_tokens", "NaN", "must be a number"],
  ["max_completion_tokens", 0, "must be at least 1"],
  ["n", 0, "must be at least 1"],
  ["n", -1, "must be at least 1"],
  ["n", 1e6, "must be at most 16"],
  ["n", 1.5, "must be a whole number"],
  ["n", "2", "must be a number"],
  ["stop", ["a", "b", "c", "d", "e"], "must have at most 4 items"],
  ["stop", 5, "must be a list"],
  ["stop", "x".repeat(257), "must have at most 256 characters, not a text of 257 characters"],
  ["stop", "", "must have at least 1 character"],
  ["stop_token_ids", Array(65).fill(1), "must have at most 64 items"],
  ["min_tokens", -1, "must be at least 0"],
  ["min_tokens", 1.5, "must be a whole number"],
  ["ignore_eos", "yes", "must be a boolean"],
  ["user", 5, "must be a string"],
  ["logprobs", 1, "must be a boolean"],
  ["top_logprobs", 21, "must be at most 20"],
  ["top_logprobs", -1, "must be at least 0"],
  ["top_logprobs", 0, 'needs "logprobs": true'],
  ["logit_bias", { five: 1 }, "must have token ids for keys"],
  ["logit_bias", { "-1": 1 }, "must have token ids for keys"],
  ["logit_bias", [1], "must be"],
  ["response_format", "json_object", "must be an object"],
  ["tool_choice", "required", 'needs "tools"'],
  ["tool_choice", "any", "must be"],
  ["tool_choice", { type: "custom", custom: { name: "x" } }, "must be"],
  ["tool_choice", { type: "function", function: { name: "x" } }, 'have no "x"'],
  ["functions", [{ name: "x" }], 'use "tools"'],
  ["modalities", ["audio"], "must be"],
  ["audio", { voice: "x" }, "must be left out"],
  ["web_search_options", {}, "must be left out"],
  ["chat_template", "{{ 1 }}", "must be left out"],
  ["chat_template_kwargs", { tokenize: true }, 'must not contain "tokenize"'],
  ["stream_options", { include_usage: true }, 'needs "stream": true'],
  ["messages", "Hi", "must be a list"],
  ["messages", { length: 1 }, 'must be a list, not an object with "length"'],
];

for (const [field, value, piece] of wrongFields) {
  test(`${field}: ${JSON.stringify(value).slice(0, 40)} is a 400 that names it (D17, D29, P01, P02, P09, P10)`, async () => {
    const before = runtime.requests.length;
    const [status, param, , message] = await refusal({ ...question, [field]: value });
    expect([status, param, message]).toEqual([400, field, expect.stringContaining(piece)]);
    expect(runtime.requests.length).toBe(before);
  });
}

test("inner fields are named by their path", async () => {
  const call = { id: "c", function: { name: "f", arguments: "{" } };
  const cases: [unknown, string][] = [
    [{ ...question, stop: ["ok", ""] }, "stop[1]"],
    [
      { ...question, chat_template_kwargs: { date_string: "<|eot_id|>" } },
      "chat_template_kwargs.date_string",
    ],
    [{ ...question, tools: [{ type: "function", function: { name: "a b" } }] }, "tools[0].function.name"],
    [{ ...question, tools: Array(129).fill({ type: "function", function: { name: "f" } }) }, "tools"],
    [
      { ...question, tools: Array(2).fill({ type: "function", function: { name: "f" } }) },
      "tools[1].function.name",
    ],
    [{ ...question, stop_token_ids: [1, -1] }, "stop_token_ids[1]"],
    [{ ...question, stop: ["a", "x".repeat(257)] }, "stop[1]"],
    [{ ...question, logit_bias: { 17: 101 } }, "logit_bias.17"],
    [{ ...question, logit_bias: { ["9".repeat(1000)]: "x" } }, `logit_bias.${"9".repeat(64)}`],
    [{ ...question, min_tokens: 5, max_tokens: 4 }, "min_tokens"],
    [
      { ...question, stream: true, stream_options: { continuous_usage_stats: true } },
      "stream_options.continuous_usage_stats",
    ],
    [user(5), "messages[0].content"],
    [user([]), "messages[0].content"],
    [user([{}]), "messages[0].content[0].type"],
    [user([{ type: "text" }]), "messages[0].content[0].text"],
    [user([{ type: "input_audio", input_audio: {} }]), "messages[0].content[0].type"],
    [user([{ type: "file", file: {} }]), "messages[0].content[0].type"],
    [user([{ type: "image_url", image_url: {} }]), "messages[0].content[0].image_url.url"],
    [
      user([{ type: "image_url", image_url: { url: "data:,", detail: "best" } }]),
      "messages[0].content[0].image_url.detail",
    ],
    [user(Array(9).fill({ type: "image_url", image_url: "data:," })), "messages[0].content[8].image_url"],
    [{ model: "tiny", messages: [{ role: "user<|end_header_id|>x", content: "" }] }, "messages[0].role"],
    [
      { model: "tiny", messages: [{ role: "system", content: [{ type: "image_url", image_url: "x" }] }] },
      "messages[0].content[0].type",
    ],
    [{ model: "tiny", messages: [{ role: "assistant" }] }, "messages[0].content"],
    [{ model: "tiny", messages: [{ role: "tool", content: "x" }] }, "messages[0].tool_call_id"],
    [
      { model: "tiny", messages: [{ role: "tool", content: "x", tool_call_id: "c9" }] },
      "messages[0].tool_call_id",
    ],
    [
      { model: "tiny", messages: [{ role: "assistant", tool_calls: [call] }] },
      "messages[0].tool_calls[0].function.arguments",
    ],
  ];
  for (const [body, param] of cases) expect((await refusal(body)).slice(0, 2)).toEqual([400, param]);
});

test("a temperature beyond every number is refused, minus zero and tiny ones are not (P04)", async () => {
  const withTemperature = (text: string) =>
    JSON.stringify({ ...question, temperature: 7 }).replace("7", text);
  expect((await refusal(withTemperature("1e400"))).slice(0, 2)).toEqual([400, "temperature"]);
  expect((await app.fetch(chat(withTemperature("-0")))).status).toBe(200);
  expect((await app.fetch(chat(withTemperature("1e-45")))).status).toBe(200);
});

test("prototype keys change nothing, and of double keys the last counts (P05)", async () => {
  const body =
    '{"model":"x","__proto__":{"stream":true},"constructor":{"prototype":{"y":1}},"model":"tiny",' +
    '"messages":[{"role":"user","content":"a","__proto__":{"role":"system"}}]}';
  const response = await app.fetch(chat(body));
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toStartWith("application/json");
  expect(runtime.requests.at(-1)!.messages[0]!.role).toBe("user");
  expect(({} as Record<string, unknown>)["y"]).toBeUndefined();
});

test("values that ask for nothing are accepted", async () => {
  const response = await app.fetch(chat({
    ...question,
    n: 1,
    logprobs: false,
    top_logprobs: null,
    logit_bias: {},
    response_format: { type: "text" },
    tool_choice: "auto",
    modalities: ["text"],
    stop: [],
    tools: [],
    chat_template_kwargs: {},
    stream_options: null,
  }));
  expect(response.status).toBe(200);
  expect(response.headers.has("x-llamav-ignored")).toBe(false);
});

test("tool-call arguments are held to the limits of the body, all of them together", async () => {
  const wide = `{"a":[${"1,".repeat(limits.jsonValues * 0.6)}1]}`;
  const cases: [string[], string][] = [
    [[`{"a":${"[".repeat(64)}${"]".repeat(64)}}`], "messages[1].tool_calls[0].function.arguments"],
    [[wide, wide], "messages[1].tool_calls[1].function.arguments"],
  ];
  for (const [texts, param] of cases) {
    const calls = texts.map((text, at) => ({ id: `c${at}`, function: { name: "f", arguments: text } }));
    const messages = [...question.messages, { role: "assistant", tool_calls: calls }];
    expect((await refusal({ ...question, messages })).slice(0, 3)).toEqual([400, param, "json_too_complex"]);
  }
});
