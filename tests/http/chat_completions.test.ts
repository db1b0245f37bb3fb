import { expect, test } from "bun:test";
import { DeviceError, InterruptedRequestError, RequestError } from "../../src/base/errors.ts";
import { answer, until } from "../support/fake_runtime.ts";
import { chat, eventsOf, json, pictureBytes, question, testApp } from "./support.ts";

// Numbers in the names, such as "D14", are the assertions of the HTTP contract; letters other than D are its threats.

test("chat completion has every key of OpenAI's schema, and usage that adds up (D1, D19)", async () => {
  const { app } = testApp();
  const response = await app.fetch(chat(question));
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toStartWith("application/json");
  const body = await json(response);
  expect(body).toEqual({
    id: expect.stringMatching(/^chatcmpl-[0-9a-f]{32}$/),
    object: "chat.completion",
    created: expect.any(Number),
    model: "tiny",
    choices: [{
      index: 0,
      message: { role: "assistant", content: "Hello, world", refusal: null },
      logprobs: null,
      finish_reason: "stop",
    }],
    usage: {
      prompt_tokens: 21,
      completion_tokens: 3,
      total_tokens: 24,
      prompt_tokens_details: { cached_tokens: 16 },
      llamav: {
        image_tiles: 0,
        image_cache_hits: 0,
        queue_ms: 0,
        image_ms: 0,
        prefill_ms: 12.5,
        decode_ms: 4,
      },
    },
  });
  expect(Math.abs(body.created - Date.now() / 1000)).toBeLessThan(5);
});

test("a stream says the role once, keeps one id, finishes once and ends with [DONE] (D11, D12, D13, D14)", async () => {
  const { app } = testApp();
  const response = await app.fetch(chat({ ...question, stream: true }));
  expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(response.headers.get("cache-control")).toContain("no-cache");
  const text = await response.text();
  expect(text).toEndWith("data: [DONE]\n\n");
  const chunks = eventsOf(text);
  expect(new Set(chunks.map((c) => `${c.id} ${c.created} ${c.model} ${c.object}`)).size).toBe(1);
  expect(chunks[0].object).toBe("chat.completion.chunk");
  expect(chunks.map((c) => c.choices[0].delta.role)).toEqual(["assistant", ...Array(4).fill(undefined)]);
  expect(chunks.map((c) => c.choices[0].finish_reason)).toEqual([null, null, null, null, "stop"]);
  expect(chunks.every((c) => !("usage" in c))).toBe(true);
});

test("the pieces of a stream are the text of the whole answer (D15)", async () => {
  const { app } = testApp(() => answer('quote " and', "\nline", " 😀", " é"));
  const chunks = eventsOf(await (await app.fetch(chat({ ...question, stream: true }))).text());
  const whole = await json(await app.fetch(chat(question)));
  expect(chunks.map((c) => c.choices[0].delta.content ?? "").join("")).toBe(whole.choices[0].message.content);
});

test("include_usage adds one last chunk without choices, the others say null (D16)", async () => {
  const { app } = testApp();
  const body = { ...question, stream: true, stream_options: { include_usage: true } };
  const chunks = eventsOf(await (await app.fetch(chat(body))).text());
  const last = chunks.pop();
  expect(last.choices).toEqual([]);
  expect(last.usage.total_tokens).toBe(24);
  expect(chunks.length).toBe(5);
  expect(chunks.every((c) => c.usage === null)).toBe(true);
});

test("finish_reason length arrives in both forms (D20)", async () => {
  const cut = answer("cut").map((e) => e.type === "end" ? { ...e, finishReason: "length" as const } : e);
  const { app } = testApp(() => cut);
  expect((await json(await app.fetch(chat(question)))).choices[0].finish_reason).toBe("length");
  const chunks = eventsOf(await (await app.fetch(chat({ ...question, stream: true }))).text());
  expect(chunks.at(-1).choices[0].finish_reason).toBe("length");
});

test("every field that acts reaches the runtime, and the rest is left to the model's config", async () => {
  const { app, runtime } = testApp();
  await app.fetch(chat({
    ...question,
    max_tokens: 5,
    max_completion_tokens: 7,
    temperature: 0.5,
    top_p: 0.9,
    top_k: 40,
    min_p: 0.1,
    repetition_penalty: 1.1,
    presence_penalty: -1,
    frequency_penalty: 2,
    seed: -1,
    stop: "END",
    stop_token_ids: [3, 5],
    ignore_eos: true,
    min_tokens: 2,
    n: 3,
    logit_bias: { 17: -100, "5": 2.5 },
    logprobs: true,
    top_logprobs: 4,
    user: "me",
    chat_template_kwargs: { date_string: "26 Jul 2024", tools_in_user_message: false },
  }));
  expect(runtime.requests[0]).toEqual({
    messages: [{ role: "user", content: [{ type: "text", text: "Hi" }] }],
    tools: undefined,
    toolsInUserMessage: false,
    dateString: "26 Jul 2024",
    sampling: {
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      minP: 0.1,
      repetitionPenalty: 1.1,
      presencePenalty: -1,
      frequencyPenalty: 2,
      seed: 2 ** 53 - 1,
      minTokens: 2,
      logitBias: [[5, 2.5], [17, -100]],
      logprobs: 4,
    },
    n: 3,
    maxTokens: 7,
    stop: ["END"],
    stopTokenIds: [3, 5],
    ignoreEos: true,
    client: { caller: expect.any(String), user: expect.any(String) },
  });
  await app.fetch(chat({ ...question, temperature: null, stop: null, n: null, seed: null, tools: null }));
  expect(runtime.requests[1]!.sampling).toEqual({});
  expect(runtime.requests[1]!.maxTokens).toBeUndefined();
});

test("roles, parts, pictures and tool turns become the runtime's messages in order", async () => {
  const { app, runtime, loaded } = testApp();
  const tools = [{ type: "function", function: { name: "look", parameters: { type: "object" }, extra: 1 } }];
  const response = await app.fetch(chat({
    model: "default",
    tools,
    messages: [
      { role: "developer", content: [{ type: "text", text: "Be brief" }] },
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } },
          { type: "text", text: "What \ud800 is it?" },
          { type: "image_url", image_url: "http://pictures.example/a.png" },
          { type: "image_url", image_url: { url: "data:image/png;base64,AA==", detail: "low" } },
        ],
      },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: '{"at": 1}' } }],
      },
      { role: "tool", tool_call_id: "c1", content: "a cat" },
      { role: "function", name: "look", content: "a dog" },
      { role: "assistant", content: [{ type: "refusal", refusal: "No" }] },
    ],
  }));
  expect(response.status).toBe(200);
  expect(loaded).toEqual(["data:image/png;base64,AA==", "http://pictures.example/a.png"]);
  const image = { type: "image" as const, bytes: pictureBytes };
  expect(runtime.requests[0]!.messages).toEqual([
    { role: "system", content: [{ type: "text", text: "Be brief" }] },
    {
      role: "user",
      content: [image, { type: "text", text: "What \ufffd is it?" }, image, { ...image, detail: "low" }],
    },
    { role: "assistant", content: [], toolCalls: [{ id: "c1", name: "look", arguments: { at: 1 } }] },
    { role: "tool", content: [{ type: "text", text: "a cat" }], toolCallId: "c1" },
    { role: "tool", content: [{ type: "text", text: "a dog" }] },
    { role: "assistant", content: [{ type: "text", text: "No" }] },
  ]);
  expect(runtime.requests[0]!.tools).toEqual(tools);
});

test('tools stay out of the prompt with tool_choice "none"', async () => {
  const { app, runtime } = testApp();
  const tools = [{ type: "function", function: { name: "look" } }];
  await app.fetch(chat({ ...question, tools, tool_choice: "none" }));
  expect(runtime.requests[0]!.tools).toBeUndefined();
});

test("fields without effect are listed in x-llamav-ignored, whatever their names are (D30, P11)", async () => {
  const { app, logged } = testApp();
  const response = await app.fetch(chat(
    '{"model":"tiny","messages":[{"role":"user","name":"me","content":[{"type":"image_url","image_url":{"url":"data:,","detail":"low"}}]}],' +
      '"user":"me","metadata":{},"service_tier":null,"__proto__":{"x":1},"bad\\r\\nname":1,"stream":true,' +
      '"stream_options":{"include_obfuscation":false}}',
  ));
  expect(response.status).toBe(200);
  expect(response.headers.get("x-llamav-ignored")).toBe(
    "messages.name, metadata, __proto__, stream_options.include_obfuscation",
  );
  // A warning for the operator, of what no client of the API would send.
  expect(logged[0]).toMatch(/^warning: req_\w+ ignores what the API does not have: __proto__\n$/);
  expect((await app.fetch(chat(question))).headers.has("x-llamav-ignored")).toBe(false);
});

test("a refusal of the runtime comes as a status before the first byte of a stream (D41)", async () => {
  const { app } = testApp(() => [
    new RequestError("The prompt has 600 tokens, the context holds 512", {
      param: "messages",
      code: "context_length_exceeded",
      remedy: "Shorten it, or serve with a larger --ctx-size",
    }),
  ]);
  for (const stream of [false, true]) {
    const response = await app.fetch(chat({ ...question, stream }));
    expect(response.status).toBe(400);
    expect(await json(response)).toEqual({
      error: {
        message:
          "The prompt has 600 tokens, the context holds 512. Shorten it, or serve with a larger --ctx-size",
        type: "invalid_request_error",
        param: "messages",
        code: "context_length_exceeded",
      },
    });
  }
});

test("a failure inside a stream is one last error event, without [DONE] (D40)", async () => {
  const { app, logged } = testApp(
    () => [...answer("one").slice(0, 2), new DeviceError("device lost at 0xdeadbeef")],
  );
  const text = await (await app.fetch(chat({ ...question, stream: true }))).text();
  const events = eventsOf(text);
  expect(events.at(-1).error).toMatchObject({ type: "api_error", code: "device_error", param: null });
  expect(text).not.toContain("[DONE]");
  expect(text).not.toContain("deadbeef");
  expect(logged.join("")).toContain("deadbeef");
  expect(logged.at(-1)).toContain("200 (error)");
});

test("an unforeseen failure tells the client nothing, the operator all, and is not repeated (I16)", async () => {
  const { app, logged } = testApp(() => [new TypeError("secret /etc/path")]);
  const response = await app.fetch(chat(question));
  expect(response.status).toBe(500);
  expect(response.headers.get("x-should-retry")).toBe("false");
  const body = await json(response);
  expect(body.error.code).toBe("internal_error");
  expect(JSON.stringify(body)).not.toContain("secret");
  expect(logged[0]).toContain("secret /etc/path");
});

test("a request that the engine's failure interrupted is a 503 that may be repeated", async () => {
  const error = new InterruptedRequestError("This request was interrupted", "device_lost", "Send it again");
  const { app } = testApp(() => [error]);
  const response = await app.fetch(chat(question));
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
  expect(response.headers.get("x-should-retry")).toBeNull();
  expect((await json(response)).error).toEqual({
    message: "This request was interrupted. Send it again",
    type: "api_error",
    param: null,
    code: "device_lost",
  });
});

test("a full queue is a 429 with Retry-After (D9)", async () => {
  const { app } = testApp(() => [new RequestError("The queue is full", { code: "queue_full" })]);
  const response = await app.fetch(chat(question));
  expect(response.status).toBe(429);
  expect(response.headers.get("retry-after")).toBe("1");
  expect((await json(response)).error.type).toBe("rate_limit_error");
});

test("a picture's refusal names the part it stands in", async () => {
  const { app, runtime } = testApp(undefined, {
    loadPicture: () => Promise.reject(new RequestError("Not a picture", { code: "invalid_image" })),
  });
  const content = [{ type: "text", text: "?" }, { type: "image_url", image_url: { url: "data:,x" } }];
  const response = await app.fetch(chat({ model: "tiny", messages: [{ role: "user", content }] }));
  expect(response.status).toBe(400);
  expect((await json(response)).error).toMatchObject({
    param: "messages[0].content[1].image_url",
    code: "invalid_image",
  });
  expect(runtime.requests.length).toBe(0);
});

test("bytes that are no picture name the part they stand in, or the messages when there are several", async () => {
  const { app } = testApp(() => [new RequestError("Cannot use the image", { code: "invalid_image" })]);
  const picture = { type: "image_url", image_url: { url: "data:,x" } };
  const ask = async (content: unknown[], stream: boolean) => {
    const body = { model: "tiny", stream, messages: [{ role: "user", content }] };
    const response = await app.fetch(chat(body));
    const { param, code } = (await json(response)).error;
    return [response.status, param, code];
  };
  for (const stream of [false, true]) {
    expect(await ask([{ type: "text", text: "?" }, picture], stream)).toEqual(
      [400, "messages[0].content[1].image_url", "invalid_image"],
    );
    expect(await ask([picture, picture], stream)).toEqual([400, "messages", "invalid_image"]);
  }
});

test("a runtime that fails ends answers with its error, and what comes after them", async () => {
  const { app, runtime, logged } = testApp(() => [...answer("a").slice(0, 2), { waitMs: 60_000 }]);
  const whole = app.fetch(chat(question));
  const stream = (await app.fetch(chat({ ...question, stream: true }))).text();
  await until(() => runtime.running === 2);
  runtime.fail(new DeviceError("The device was lost"));
  for (const response of [await whole, await app.fetch(chat(question))]) {
    expect([response.status, (await json(response)).error.code]).toEqual([500, "device_error"]);
  }
  expect(eventsOf(await stream).at(-1).error.code).toBe("device_error");
  expect(logged.filter((line) => line.includes("The device was lost")).length).toBe(3);
  expect([runtime.running, app.active]).toEqual([0, 0]);
});

test("a client that goes away ends the answer, streamed or not (D39)", async () => {
  for (const stream of [false, true]) {
    const { app, runtime, logged } = testApp(() => [...answer("a").slice(0, 2), { waitMs: 60_000 }]);
    const client = new AbortController();
    const pending = app.fetch(chat({ ...question, stream }, {}, { signal: client.signal }));
    const reading = pending.then((response) => response.text());
    await until(() => runtime.produced >= (stream ? 2 : 2));
    client.abort();
    await reading.catch(() => {});
    await until(() => runtime.running === 0);
    expect(runtime.aborted).toBe(1);
    expect(app.active).toBe(0);
    expect(logged.at(-1)).toMatch(stream ? /200 \(client gone\)/ : / 499 /);
  }
});

test("a stream that is cancelled before its first byte ends the answer", async () => {
  const { app, runtime } = testApp(() => [...answer("a").slice(0, 2), { waitMs: 60_000 }]);
  const response = await app.fetch(chat({ ...question, stream: true }));
  await response.body!.cancel();
  await until(() => runtime.running === 0 && app.active === 0);
});

test("nothing is made ahead of a reader that does not read (O05)", async () => {
  const pieces = Array.from({ length: 1000 }, (_, i) => `${i} `);
  const { app, runtime } = testApp(() => answer(...pieces));
  const response = await app.fetch(chat({ ...question, stream: true }));
  const reader = response.body!.getReader();
  for (let i = 0; i < 10; i++) await reader.read();
  await Bun.sleep(20);
  expect(runtime.produced).toBeLessThanOrEqual(12);
  await reader.cancel();
});

test("a reader that stalls is given up (O05)", async () => {
  const { app, runtime, logged } = testApp(() => answer(..."abcdef"), { stallMs: 200 });
  const response = await app.fetch(chat({ ...question, stream: true }));
  const reader = response.body!.getReader();
  await reader.read();
  await until(() => runtime.running === 0);
  expect(logged.at(-1)).toContain("client stalled");
  expect(app.active).toBe(0);
});

test("a comment keeps a silent stream alive", async () => {
  const { app } = testApp(() => [...answer("a").slice(0, 1), { waitMs: 60 }, ...answer("a").slice(1)], {
    keepAliveMs: 20,
  });
  const text = await (await app.fetch(chat({ ...question, stream: true }))).text();
  expect(text).toContain("\n\n: keep-alive\n\n");
  expect(eventsOf(text).length).toBe(3);
});

test("drain() refuses new requests, lets running ones finish, and cuts the slow with an error (O06)", async () => {
  let goesOn = false;
  const { app, runtime } = testApp(function* ({ maxTokens }) {
    yield* answer(maxTokens === 1 ? "quick" : "slow").slice(0, 2);
    while (!goesOn || maxTokens !== 1) yield { waitMs: 5 };
    yield* answer("quick").slice(2);
  });
  const quick = app.fetch(chat({ ...question, max_tokens: 1 }));
  const slow = await app.fetch(chat({ ...question, stream: true }));
  const slowText = slow.text();
  await until(() => runtime.running === 2);
  const drained = app.drain(2000);
  expect((await app.fetch(chat(question))).status).toBe(503);
  expect((await app.fetch(new Request("http://localhost/health"))).status).toBe(503);
  goesOn = true;
  expect((await quick).status).toBe(200);
  await drained;
  expect(eventsOf(await slowText).at(-1).error.code).toBe("shutting_down");
  expect(app.active).toBe(0);
});
