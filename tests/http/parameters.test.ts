import { expect, test } from "bun:test";
import type { AnswerToken, GenerateEvent } from "../../src/runtime/request.ts";
import { answer, fakeUsage } from "../support/fake_runtime.ts";
import { chat, eventsOf, json, question, testApp } from "./support.ts";

// Numbers in the names, such as "D14", are the assertions of the HTTP contract.

const text = (choice: number, text: string, completionTokens: number): GenerateEvent => ({
  type: "text",
  choice,
  text,
  completionTokens,
});
const end = (choice: number, completionTokens: number, finishReason: "stop" | "length" = "stop") => ({
  type: "end" as const,
  choice,
  finishReason,
  usage: { ...fakeUsage, completionTokens },
});
const start: GenerateEvent = { type: "start", promptTokens: 21, imageTiles: 0 };

/** Three answers whose pieces come mixed. */
const mixed: GenerateEvent[] = [
  start,
  text(0, "a", 1),
  text(2, "x", 2),
  text(0, "b", 3),
  end(0, 4),
  text(1, "", 5),
  text(2, "y", 6),
  end(2, 6, "length"),
  text(1, "1", 7),
  end(1, 8),
];

test("n answers come with their indices, and one usage that counts the prompt once (D26, D19)", async () => {
  const { app } = testApp(() => mixed);
  const { choices, usage } = await json(await app.fetch(chat({ ...question, n: 3 })));
  expect(
    choices.map((
      { index, message, finish_reason }: Record<string, unknown>,
    ) => [index, (message as { content: string }).content, finish_reason]),
  ).toEqual([[0, "ab", "stop"], [1, "1", "stop"], [2, "xy", "length"]]);
  expect(usage).toMatchObject({ prompt_tokens: 21, completion_tokens: 8, total_tokens: 29 });
});

test("streamed chunks carry the index of their choice; each has one role and one finish reason (D12, D14, D26)", async () => {
  const { app } = testApp(() => mixed);
  const body = { ...question, n: 3, stream: true, stream_options: { include_usage: true } };
  const chunks = eventsOf(await (await app.fetch(chat(body))).text());
  expect(chunks.pop()).toMatchObject({ choices: [], usage: { total_tokens: 29 } });
  for (const [index, want, reason] of [[0, "ab", "stop"], [1, "1", "stop"], [2, "xy", "length"]] as const) {
    const own = chunks.flatMap(({ choices }) => choices).filter((choice) => choice.index === index);
    expect(own.map(({ delta }) => delta.role)).toEqual([
      "assistant",
      ...Array(own.length - 1).fill(undefined),
    ]);
    expect(own.map(({ delta }) => delta.content ?? "").join("")).toBe(want);
    expect(own.map((choice) => choice.finish_reason)).toEqual([...Array(own.length - 1).fill(null), reason]);
  }
  expect(chunks.every(({ choices }) => choices.length === 1)).toBe(true);
});

test("an answer of which a choice is missing is an error, not a shorter list", async () => {
  const { app } = testApp(() => mixed.slice(0, -1));
  expect((await app.fetch(chat({ ...question, n: 3 }))).status).toBe(500);
  const events = eventsOf(await (await app.fetch(chat({ ...question, n: 3, stream: true }))).text());
  expect(events.at(-1).error.code).toBe("internal_error");
});

test("continuous_usage_stats: every chunk counts, never down, and the last is the total (D18)", async () => {
  const { app } = testApp(() => mixed);
  const stream_options = { include_usage: true, continuous_usage_stats: true };
  const chunks = eventsOf(
    await (await app.fetch(chat({ ...question, n: 3, stream: true, stream_options }))).text(),
  );
  const counts = chunks.map(({ usage }) => usage.completion_tokens);
  expect(counts).toEqual([...counts].sort((a, b) => a - b));
  expect([counts[0], counts.at(-2), counts.at(-1)]).toEqual([0, 8, 8]);
  for (const { usage } of chunks) {
    expect(usage).toMatchObject({ prompt_tokens: 21, total_tokens: 21 + usage.completion_tokens });
  }
});

const bytes = (value: string) => new TextEncoder().encode(value);
const tokens: AnswerToken[] = [
  {
    text: "Hé",
    bytes: bytes("Hé"),
    logprob: 1e-9,
    alternatives: [{ text: "Hé", bytes: bytes("Hé"), logprob: 1e-9 }, {
      text: "<|eot_id|>",
      bytes: undefined,
      logprob: -Infinity,
    }],
  },
  { text: "\ufffd", bytes: Uint8Array.of(0xf0, 0x9f), logprob: -0.5, alternatives: [] },
];

test("log probabilities have the API's form, in both kinds of answer (D1, D23, D24)", async () => {
  const { app } = testApp(() => [start, { ...text(0, "Hé", 2), tokens } as GenerateEvent, end(0, 2)]);
  const want = {
    content: [
      {
        token: "Hé",
        logprob: 0,
        bytes: [72, 195, 169],
        top_logprobs: [
          { token: "Hé", logprob: 0, bytes: [72, 195, 169] },
          { token: "<|eot_id|>", logprob: -9999, bytes: null },
        ],
      },
      { token: "\ufffd", logprob: -0.5, bytes: [240, 159], top_logprobs: [] },
    ],
    refusal: null,
  };
  const body = { ...question, logprobs: true, top_logprobs: 2 };
  expect((await json(await app.fetch(chat(body)))).choices[0].logprobs).toEqual(want);
  const chunks = eventsOf(await (await app.fetch(chat({ ...body, stream: true }))).text());
  expect(chunks.map(({ choices }) => choices[0].logprobs)).toEqual([null, want, null]);
});

test("log probabilities that were asked for are a list, also of an empty answer (D23)", async () => {
  const { app, runtime } = testApp(() => [start, end(0, 1)]);
  const ask = async (more: object) =>
    (await json(await app.fetch(chat({ ...question, ...more })))).choices[0].logprobs;
  expect(await ask({ logprobs: true })).toEqual({ content: [], refusal: null });
  expect(runtime.requests.at(-1)!.sampling).toEqual({ logprobs: 0 });
  for (const logprobs of [false, null]) {
    expect(await ask({ logprobs })).toBeNull();
    expect(runtime.requests.at(-1)!.sampling).toEqual({});
  }
});

test("max_tokens counts where max_completion_tokens is missing (D20)", async () => {
  const { app, runtime } = testApp();
  for (const [more, want] of [[{ max_tokens: 5 }, 5], [{ max_tokens: 5, max_completion_tokens: 9 }, 9]]) {
    await app.fetch(chat({ ...question, ...(more as object) }));
    expect(runtime.requests.at(-1)!.maxTokens).toBe(want as number);
  }
});

test("a stop text is whole characters, whatever was escaped in it (D21, D22)", async () => {
  const { app, runtime } = testApp();
  await app.fetch(
    chat('{"model":"tiny","messages":[{"role":"user","content":"a"}],"stop":["\\ud83d","ok"]}'),
  );
  expect(runtime.requests[0]!.stop).toEqual(["\ufffd", "ok"]);
});

test("--strict refuses fields that the API does not have, and no others (D30)", async () => {
  const { app, runtime } = testApp(undefined, { strict: true });
  const cases: [object, string][] = [
    [{ temprature: 1 }, "temprature"],
    [{ top_a: 0.5 }, "top_a"],
    [{ stream: true, stream_options: { usage: true } }, "stream_options.usage"],
    [{ ["x".repeat(1000)]: 1 }, "x".repeat(64)],
  ];
  for (const [more, param] of cases) {
    const response = await app.fetch(chat({ ...question, ...more }));
    expect([response.status, (await json(response)).error]).toMatchObject([400, {
      param,
      code: "unknown_parameter",
    }]);
  }
  expect(runtime.requests.length).toBe(0);
  const known = { metadata: { a: "b" }, store: false, safety_identifier: "x", user: "me", top_k: 5 };
  const response = await app.fetch(chat({ ...question, ...known }));
  expect([response.status, response.headers.get("x-llamav-ignored")]).toEqual([
    200,
    "metadata, store, safety_identifier",
  ]);
});

test("--strict-openai leaves out of the usage what the API does not have", async () => {
  const { app } = testApp(undefined, { strictOpenai: true });
  const want = {
    prompt_tokens: 21,
    completion_tokens: 3,
    total_tokens: 24,
    prompt_tokens_details: { cached_tokens: 16 },
  };
  expect((await json(await app.fetch(chat(question)))).usage).toEqual(want);
  const body = { ...question, stream: true, stream_options: { include_usage: true } };
  expect(eventsOf(await (await app.fetch(chat(body))).text()).at(-1).usage).toEqual(want);
});

test("a top_k of −1 keeps every token, as 0 does", async () => {
  const { app, runtime } = testApp();
  for (const top_k of [0, -1]) await app.fetch(chat({ ...question, top_k }));
  expect(runtime.requests.map(({ sampling }) => sampling)).toEqual([{ topK: 0 }, { topK: 0 }]);
});

test("a choice of one is asked for where nothing is said", async () => {
  const { app, runtime } = testApp(() => answer("x"));
  await app.fetch(chat({ ...question, n: null }));
  expect(runtime.requests[0]!.n).toBeUndefined();
});
