import { expect, test } from "bun:test";
import { InterruptedRequestError } from "../../src/base/errors.ts";
import { answer, until } from "../support/fake_runtime.ts";
import { ask, calls, question, streamed, whole } from "./responses_support.ts";
import { testApp } from "./support.ts";

const cut = answer("Hel", "lo").map((e) => e.type === "end" ? { ...e, finishReason: "length" as const } : e);
/** What differs from one answer to the next. */
const volatile = { id: expect.any(String), created_at: expect.any(Number), completed_at: null };

test("a response has a message, its usage and the request's settings", async () => {
  const { app } = testApp();
  const body = await whole(await app.fetch(ask({ ...question, temperature: 0.5, metadata: { a: "b" } })));
  expect(body).toMatchObject({
    id: expect.stringMatching(/^resp_[0-9a-f]{32}$/),
    status: "completed",
    model: "tiny",
    output: [{
      type: "message",
      id: expect.stringMatching(/^msg_[0-9a-f]{32}$/),
      role: "assistant",
      status: "completed",
      content: [{ type: "output_text", text: "Hello, world" }],
    }],
    temperature: 0.5,
    top_p: null,
    metadata: { a: "b" },
    store: false,
    usage: { input_tokens: 21, input_tokens_details: { cached_tokens: 16 }, output_tokens: 3 },
  });
  expect(body.completed_at).toBeGreaterThanOrEqual(body.created_at);
});

test("the route is there without /v1, and GET of it is a 405", async () => {
  const { app } = testApp();
  await whole(await app.fetch(new Request("http://localhost:8000/responses", ask(question))));
  expect((await app.fetch(new Request("http://localhost:8000/v1/responses"))).status).toBe(405);
});

test("a stream tells of the response, its message, the pieces of its text, and the end, in this order", async () => {
  const { app } = testApp();
  const events = await streamed(await app.fetch(ask({ ...question, stream: true })));
  expect(events.map((event) => event.type)).toEqual([
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.delta",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
  expect(events[0].response).toMatchObject({ status: "in_progress", output: [], usage: null });
  expect(events[2].item).toMatchObject({ status: "in_progress", content: [] });
  expect(events.slice(4, 7).map((event) => event.delta).join("")).toBe(events[7].text);
  expect(new Set(events.slice(3, 9).map((event) => event.item_id))).toEqual(new Set([events[2].item.id]));
  expect(new Set([0, 1, 10].map((at) => events[at].response.id)).size).toBe(1);
});

test("the last event of a stream has what the answer without a stream is", async () => {
  for (
    const script of [answer("Hello", " 😀"), answer(), cut, calls("Let me see", ["a", '{"x":', "1}"], ["b"])]
  ) {
    const { app } = testApp(() => script);
    const body = await whole(await app.fetch(ask(question)));
    const last = (await streamed(await app.fetch(ask({ ...question, stream: true })))).at(-1);
    expect(last.type).toBe(`response.${body.status}`);
    const sameIds = (response: typeof body) => ({
      ...response,
      ...volatile,
      output: response.output.map((item: object) => ({ ...item, id: expect.any(String) })),
    });
    expect(last.response).toEqual({ ...sameIds(body), completed_at: last.response.completed_at });
  }
});

test("an answer that is cut off is incomplete, and so is its message", async () => {
  const { app } = testApp(() => cut);
  const body = await whole(await app.fetch(ask({ ...question, max_output_tokens: 2 })));
  expect(body).toMatchObject({
    status: "incomplete",
    incomplete_details: { reason: "max_output_tokens" },
    max_output_tokens: 2,
    output: [{ status: "incomplete" }],
  });
  const last = (await streamed(await app.fetch(ask({ ...question, stream: true })))).at(-1);
  expect(last.type).toBe("response.incomplete");
});

test("an answer without a word is a message without text", async () => {
  const { app } = testApp(() => answer());
  const body = await whole(await app.fetch(ask(question)));
  expect(body.output).toMatchObject([{ type: "message", content: [{ text: "" }] }]);
});

test("calls are items beside the message, and their arguments arrive in pieces", async () => {
  const { app } = testApp(() => calls("Let me see", ["weather", '{"city":', '"Paris"}'], ["time"]));
  const events = await streamed(await app.fetch(ask({ ...question, stream: true })));
  expect(events.map((event) => event.type.replace("response.", "")).slice(2, -1)).toEqual([
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
    "output_item.added",
    "function_call_arguments.delta",
    "function_call_arguments.delta",
    "function_call_arguments.done",
    "output_item.done",
    "output_item.added",
    "function_call_arguments.done",
    "output_item.done",
  ]);
  const { status, output } = events.at(-1).response;
  expect(status).toBe("completed");
  expect(output).toMatchObject([
    { type: "message", status: "completed", content: [{ text: "Let me see" }] },
    { type: "function_call", call_id: "call_0", name: "weather", arguments: '{"city":"Paris"}' },
    { type: "function_call", call_id: "call_1", name: "time", arguments: "" },
  ]);
  expect(events.filter((event) => event.type === "response.output_item.done").map((e) => e.output_index))
    .toEqual([0, 1, 2]);
});

test("text behind a call is a message of its own", async () => {
  const [start, ...rest] = calls("", ["a", "{}"]);
  const behind = { type: "text" as const, choice: 0, text: "Done", completionTokens: 2 };
  const { app } = testApp(() => [start!, ...rest.slice(0, -1), behind, rest.at(-1)!]);
  const { output } = await whole(await app.fetch(ask(question)));
  expect(output).toMatchObject([
    { type: "function_call", status: "completed" },
    { type: "message", status: "completed", content: [{ text: "Done" }] },
  ]);
});

test("log probabilities come with top_logprobs or by include, and control tokens have no bytes", async () => {
  const token = (value: string, bytes?: Uint8Array) => {
    const likely = { text: value, bytes, logprob: -0.25 };
    return { ...likely, alternatives: [likely] };
  };
  const tokens = [token("<|x|>"), token("a", Uint8Array.of(97))];
  const script = answer("a").map((event) => event.type === "text" ? { ...event, tokens } : event);
  const { app, runtime } = testApp(() => script);
  const asked = { ...question, include: ["message.output_text.logprobs"], stream: true };
  const events = await streamed(await app.fetch(ask(asked)));
  const likely = { token: "a", logprob: -0.25, bytes: [97] };
  const delta = events.find((event) => event.type === "response.output_text.delta");
  expect(delta.logprobs[1]).toEqual({ ...likely, top_logprobs: [likely] });
  expect(delta.logprobs[0].bytes).toEqual([]);
  expect(events.at(-1).response.output[0].content[0].logprobs).toEqual(delta.logprobs);
  expect(runtime.requests[0]!.sampling!.logprobs).toBe(0);
});

test("a failure within a stream is an error event, and the response as failed", async () => {
  const [start, piece] = answer("Hel");
  const lost = new InterruptedRequestError("The device was lost", "device_lost", "Ask again");
  const { app } = testApp(() => [start!, piece!, lost]);
  const events = await streamed(await app.fetch(ask({ ...question, stream: true })));
  expect(events.slice(-2)).toMatchObject([
    { type: "error", code: "device_lost", message: "The device was lost. Ask again" },
    {
      type: "response.failed",
      response: { status: "failed", error: { code: "server_error" }, output: [{ status: "incomplete" }] },
    },
  ]);
});

test("a server that shuts down ends the stream with an error event", async () => {
  const { app, runtime } = testApp(() => [...answer("Hel").slice(0, 2), { waitMs: 60_000 }]);
  const response = await app.fetch(ask({ ...question, stream: true }));
  const events = streamed(response);
  await until(() => runtime.produced === 2);
  await app.drain(0);
  expect((await events).slice(-2).map((event) => event.type)).toEqual(["error", "response.failed"]);
});

test("a silent stream sends comments, and a client that leaves ends the sequence (D39)", async () => {
  const { app, runtime } = testApp(() => [...answer("Hel").slice(0, 2), { waitMs: 60_000 }], {
    keepAliveMs: 5,
  });
  const gone = new AbortController();
  const response = await app.fetch(ask({ ...question, stream: true }, { signal: gone.signal }));
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let seen = "";
  while (!seen.includes(": keep-alive\n\n")) seen += (await reader.read()).value;
  gone.abort();
  await until(() => runtime.aborted === 1);
  const impatient = new AbortController();
  const waiting = app.fetch(ask(question, { signal: impatient.signal }));
  await until(() => runtime.running === 1);
  impatient.abort();
  expect([(await waiting).status, runtime.aborted]).toEqual([499, 2]);
});

test("--strict-openai leaves out what OpenAI's API does not have", async () => {
  const { app } = testApp(undefined, { strictOpenai: true });
  expect((await whole(await app.fetch(ask(question)))).usage).not.toContainKey("llamav");
});
