import { expect, test } from "bun:test";
import type { AnswerToken, GenerateEvent } from "../../src/runtime/request.ts";
import { answer, type Step } from "../support/fake_runtime.ts";
import {
  chatChunkOf,
  type ChatCompletion,
  chatCompletionOf,
  errorOf,
  textChunkOf,
  textCompletionOf,
} from "../support/openai_api.ts";
import { calls } from "./responses_support.ts";
import { chat, eventsOf, json, question, testApp } from "./support.ts";

// Every kind of answer, held to the schemas of OpenAI's API that the tests have of their own (D1, D2).

const token: AnswerToken = {
  text: "é",
  bytes: Uint8Array.of(0xc3, 0xa9),
  logprob: -0.5,
  alternatives: [
    { text: "é", bytes: Uint8Array.of(0xc3, 0xa9), logprob: -0.5 },
    { text: "<|eot_id|>", bytes: undefined, logprob: -Infinity },
  ],
};

/** The same answer for each of `n` choices, its pieces with their tokens. */
function times(n: number): Step[] {
  const [start, ...rest] = answer("é", "é");
  return [
    start!,
    ...Array.from({ length: n }, (_, choice) => rest.map((event) => ({ ...event, choice }))).flat()
      .map((event) => event.type === "text" ? { ...event, tokens: [token] } : event),
  ] as GenerateEvent[];
}

const tools = [{ type: "function", function: { name: "f" } }];
const twoCalls = () => calls("Well", ["f", '{"a"', ":1}"], ["f", "{}"]);

/** What is asked, what the model says, and how many choices there are. */
const answers: [name: string, fields: object, script: () => Step[], choices: number][] = [
  ["one choice", {}, () => times(1), 1],
  ["several choices", { n: 3 }, () => times(3), 3],
  ["log probabilities", { logprobs: true, top_logprobs: 2 }, () => times(1), 1],
  ["calls", { tools }, twoCalls, 1],
  ["nothing", {}, () => answer(), 1],
];

const optionsOfStreams = [
  undefined,
  { include_usage: true },
  { include_usage: true, continuous_usage_stats: true },
];

for (const [name, fields, script, choices] of answers) {
  for (const strictOpenai of [false, true]) {
    const named = `${name}${strictOpenai ? " with --strict-openai" : ""}`;
    test(`a whole answer of ${named} is a CreateChatCompletionResponse (D1)`, async () => {
      const { app } = testApp(script, { strictOpenai });
      const body = chatCompletionOf(await json(await app.fetch(chat({ ...question, ...fields }))));
      expect(body.choices.length).toBe(choices);
      expect(body.usage.total_tokens).toBe(body.usage.prompt_tokens + body.usage.completion_tokens);
    });

    test(`every chunk of ${named} is a CreateChatCompletionStreamResponse (D1)`, async () => {
      const { app } = testApp(script, { strictOpenai });
      for (const stream_options of optionsOfStreams) {
        const body = { ...question, ...fields, stream: true, stream_options };
        const text = await (await app.fetch(chat(body))).text();
        expect(text).toEndWith("data: [DONE]\n\n");
        const chunks = eventsOf(text).map(chatChunkOf);
        const ends = chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.finish_reason);
        expect(ends.length).toBe(choices);
        // Only what was asked for has a last chunk without choices.
        expect(chunks.at(-1)!.choices.length).toBe(stream_options ? 0 : 1);
      }
    });
  }
}

test("text completions and their chunks have the form of CreateCompletionResponse (D1)", async () => {
  const { app } = testApp(() => times(2));
  const post = (fields: object) =>
    app.fetch(
      new Request("http://localhost:8000/v1/completions", chat({ model: "tiny", prompt: "Hi", ...fields })),
    );
  for (const fields of [{ n: 2 }, { n: 2, logprobs: 2 }]) {
    expect(textCompletionOf(await json(await post(fields))).choices.length).toBe(2);
    const stream = { ...fields, stream: true, stream_options: { include_usage: true } };
    const chunks = eventsOf(await (await post(stream)).text()).map(textChunkOf);
    expect(chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.finish_reason).length).toBe(2);
  }
});

test("an error inside a stream is the API's error, and the chunks before it are chunks (D1, D2, D40)", async () => {
  const { app } = testApp(() => [...times(1).slice(0, 2), new Error("boom")]);
  const events = eventsOf(await (await app.fetch(chat({ ...question, stream: true }))).text());
  expect(errorOf(events.pop()).error.code).toBe("internal_error");
  expect(events.map(chatChunkOf).length).toBeGreaterThan(1);
});

test("the schemas see a key that is missing, one too many, and a value of the wrong type (D1)", async () => {
  const { app } = testApp(() => times(1));
  const good: ChatCompletion = await json(await app.fetch(chat(question)));
  const [choice] = good.choices;
  const withChoice = (fields: object) => ({ ...good, choices: [{ ...choice, ...fields }] });
  const bad: unknown[] = [
    { ...good, id: undefined },
    { ...good, extra: 1 },
    { ...good, created: "now" },
    { ...good, object: "chat.completion.chunk" },
    { ...good, choices: [] },
    withChoice({ logprobs: undefined }),
    withChoice({ finish_reason: null }),
    withChoice({ message: { role: "assistant", content: "x" } }),
    withChoice({ message: { ...choice!.message, tool_calls: [] } }),
  ];
  for (const body of bad) expect(() => chatCompletionOf(JSON.parse(JSON.stringify(body)))).toThrow();
  expect(chatCompletionOf(good)).toBe(good);
  expect(() => errorOf({ error: { message: "x", type: "api_error", param: null } })).toThrow();
});
