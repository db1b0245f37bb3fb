import { expect, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { completionBody } from "../../src/http/completion_response.ts";
import type { GenerateEvent, GenerateRequest } from "../../src/runtime/request.ts";
import { answer, fakeUsage, type Step, until } from "../support/fake_runtime.ts";
import { textChunkOf, textCompletionOf } from "../support/openai_api.ts";
import { eventsOf, json, type TestApp, testApp } from "./support.ts";

function post(body: object): Request {
  return new Request("http://localhost:8000/v1/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "tiny", ...body }),
  });
}

async function complete({ app }: TestApp, body: object) {
  const response = await app.fetch(post(body));
  expect(response.status).toBe(200);
  return textCompletionOf(await json(response));
}

/** Two choices whose pieces are mixed, with log probabilities. */
function twoChoices(request: GenerateRequest): GenerateEvent[] {
  const mark = typeof request.prompt === "string" ? request.prompt : "ids";
  const tokens = [{
    text: "x",
    bytes: Uint8Array.of(120),
    logprob: -0.5,
    alternatives: [{ text: "x", bytes: Uint8Array.of(120), logprob: -0.5 }, {
      text: "y",
      bytes: Uint8Array.of(121),
      logprob: -Infinity,
    }],
  }];
  const end = (choice: number, completionTokens: number): GenerateEvent => ({
    type: "end",
    choice,
    finishReason: "length",
    usage: { ...fakeUsage, completionTokens },
  });
  return [
    { type: "start", promptTokens: 21, imageTiles: 0 },
    { type: "text", choice: 1, text: `${mark}1`, tokens, completionTokens: 1 },
    { type: "text", choice: 0, text: `${mark}0`, tokens, completionTokens: 2 },
    end(0, 2),
    { type: "text", choice: 1, text: "!", tokens, completionTokens: 3 },
    end(1, 3),
  ];
}

test("POST /v1/completions goes on with a text or ids, 16 tokens unless told otherwise", async () => {
  const app = testApp();
  const body = await complete(app, { prompt: "Once" });
  expect(body).toMatchObject({
    id: expect.stringMatching(/^cmpl-/),
    model: "tiny",
    choices: [{ index: 0, text: "Hello, world", logprobs: null, finish_reason: "stop" }],
    usage: { prompt_tokens: 21, completion_tokens: 3, total_tokens: 24 },
  });
  await complete(app, { prompt: [1, 2], max_tokens: 5, temperature: 0, stop: "." });
  expect(app.runtime.requests).toMatchObject([
    { messages: [], prompt: "Once", maxTokens: 16 },
    { messages: [], prompt: [1, 2], maxTokens: 5, stop: ["."], sampling: { temperature: 0 } },
  ]);
});

test("POST /v1/completions numbers the choices of several prompts in their order and counts all (D19, D26)", async () => {
  const app = testApp(twoChoices);
  const body = await complete(app, { prompt: ["a", "b", "c"], n: 2, echo: true });
  expect(body.choices.map(({ index, text }) => [index, text])).toEqual([
    [0, "aa0"],
    [1, "aa1!"],
    [2, "bb0"],
    [3, "bb1!"],
    [4, "cc0"],
    [5, "cc1!"],
  ]);
  expect(body.usage).toMatchObject({ prompt_tokens: 63, completion_tokens: 9, total_tokens: 72 });
  expect((await complete(app, { prompt: [[72], [105]], n: 2, echo: true })).choices[2]!.text).toBe("iids0");
});

test("POST /v1/completions streams what it would answer at once, with usage where asked (D11, D15, D16, D18)", async () => {
  const app = testApp(twoChoices);
  const request = { prompt: ["a", "b"], n: 2, echo: true };
  const whole = await complete(app, request);
  for (
    const options of [undefined, { include_usage: true }, {
      include_usage: true,
      continuous_usage_stats: true,
    }]
  ) {
    const response = await app.app.fetch(post({ ...request, stream: true, stream_options: options }));
    expect(response.headers.get("content-type")).toStartWith("text/event-stream");
    const text = await response.text();
    expect(text).toEndWith("data: [DONE]\n\n");
    const events = eventsOf(text).map(textChunkOf);
    const texts = ["", "", "", ""];
    const ends: (string | null)[][] = [[], [], [], []];
    for (const { choices: [choice] } of events) {
      if (!choice) continue;
      texts[choice.index] += choice.text;
      if (choice.finish_reason) ends[choice.index]!.push(choice.finish_reason);
    }
    expect(texts).toEqual(whole.choices.map((choice) => choice.text));
    expect(ends).toEqual(Array(4).fill(["length"]));
    const usages = events.map((event) => event.usage);
    const counts = usages.map((usage) => usage?.completion_tokens);
    if (!options) expect(new Set(usages)).toEqual(new Set([undefined]));
    else expect([events.at(-1)!.choices, counts.at(-1)]).toEqual([[], 6]);
    if (options?.continuous_usage_stats) expect(counts).toEqual(counts.toSorted((a, b) => a! - b!));
    else if (options) expect(new Set(usages.slice(0, -1))).toEqual(new Set([null]));
  }
});

test("POST /v1/completions lists log probabilities beside each other, with offsets in the text (D23, D24)", async () => {
  const app = testApp(twoChoices);
  const { choices } = await complete(app, { prompt: "a", n: 2, logprobs: 2 });
  expect(choices[1]!.logprobs).toEqual({
    tokens: ["x", "x"],
    token_logprobs: [-0.5, -0.5],
    top_logprobs: [{ x: -0.5, y: -9999 }, { x: -0.5, y: -9999 }],
    text_offset: [0, 1],
  });
  expect(app.runtime.requests[0]!.sampling!.logprobs).toBe(2);
});

test("offsets count the text only: control tokens have none, and characters may lie across tokens (D22)", () => {
  const token = (text: string, bytes: number[] | undefined) => ({
    text,
    bytes: bytes && Uint8Array.from(bytes),
    logprob: 0,
    alternatives: [],
  });
  const tokens = [
    token("a", [97]),
    token("<|eot_id|>", undefined),
    token("\ufffd", [0xf0, 0x9f]),
    token("\ufffd", [0x98, 0x80, 98]),
    token("c", [99]),
  ];
  const body = completionBody({ id: "cmpl-1", created: 1_700_000_000, model: "m" }, [
    { index: 0, text: "xya😀bc", tokens, offset: 2, finishReason: "stop" },
  ], { prompt_tokens: 1, completion_tokens: 5, total_tokens: 6 });
  const { choices } = textCompletionOf(body);
  expect(choices[0]!.logprobs!.text_offset).toEqual([2, 3, 3, 3, 6]);
});

test("POST /v1/completions takes a prompt of as many ids as the longest context has (P03)", async () => {
  const app = testApp();
  const prompt = Array.from({ length: 131_072 }, (_, id) => id);
  await complete(app, { prompt });
  expect(app.runtime.requests[0]!.prompt).toEqual(prompt);
});

test("POST /v1/completions names the field at fault, and lists what has no effect (D29, D30, P01, P02)", async () => {
  const app = testApp();
  const cases: [object, string][] = [
    [{}, "prompt"],
    [{ prompt: [] }, "prompt"],
    [{ prompt: [[]] }, "prompt[0]"],
    [{ prompt: [1, "a"] }, "prompt"],
    [{ prompt: [-1] }, "prompt[0]"],
    [{ prompt: Array(17).fill("a") }, "prompt"],
    [{ prompt: Array(9).fill("a"), n: 2 }, "n"],
    [{ prompt: "a", n: 1e6 }, "n"],
    [{ prompt: "a", temperature: 2.1 }, "temperature"],
    [{ prompt: "a", max_tokens: 0 }, "max_tokens"],
    [{ prompt: "a", logprobs: 21 }, "logprobs"],
    [{ prompt: "a", logprobs: true }, "logprobs"],
    [{ prompt: "a", echo: true, logprobs: 0 }, "echo"],
    [{ prompt: "a", suffix: "z" }, "suffix"],
    [{ prompt: "a", best_of: 2 }, "best_of"],
    [{ prompt: "a", stream_options: {} }, "stream_options"],
  ];
  for (const [body, param] of cases) {
    const response = await app.app.fetch(post(body));
    expect([body, response.status, (await json(response)).error.param]).toEqual([body, 400, param]);
  }
  expect(app.runtime.requests.length).toBe(0);
  const response = await app.app.fetch(post({ prompt: "a", frobnicate: 1, best_of: 1, suffix: "" }));
  expect([response.status, response.headers.get("x-llamav-ignored")]).toEqual([200, "frobnicate"]);
  expect((await testApp(undefined, { strict: true }).app.fetch(post({ prompt: "a", frobnicate: 1 }))).status)
    .toBe(400);
});

test("a prompt that is refused refuses all, before the stream begins, and speaks of the prompt (D41)", async () => {
  const tooLong = new RequestError("Too long", { param: "messages", code: "context_length_exceeded" });
  const script = ({ prompt }: GenerateRequest): Step[] =>
    prompt === "long" ? [{ waitMs: 10 }, tooLong] : [...answer("a").slice(0, 1), { waitMs: 60_000 }];
  const app = testApp(script);
  for (const stream of [false, true]) {
    const response = await app.app.fetch(post({ prompt: ["short", "long"], stream }));
    expect([response.status, (await json(response)).error]).toEqual([
      400,
      expect.objectContaining({ param: "prompt", code: "context_length_exceeded" }),
    ]);
    await until(() => app.runtime.running === 0);
  }
});

test("a client that leaves a text completion ends all of its sequences (D39)", async () => {
  const app = testApp(() => [...answer("a").slice(0, 2), { waitMs: 60_000 }]);
  const response = await app.app.fetch(post({ prompt: ["a", "b", "c"], stream: true }));
  const reader = response.body!.getReader();
  await reader.read();
  expect(app.runtime.running).toBe(3);
  await reader.cancel();
  await until(() => app.runtime.running === 0 && app.app.active === 0);
});
