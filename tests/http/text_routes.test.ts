import { expect, spyOn, test } from "bun:test";
import { json, type TestApp, testApp } from "./support.ts";

/** Status and body of a question to one of the text routes. */
async function ask({ app }: TestApp, path: string, body: unknown) {
  const response = await app.fetch(
    new Request(`http://localhost:8000${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  );
  return { status: response.status, body: await json(response) };
}

const user = { role: "user", content: [{ type: "text", text: "Hi" }] };

test("POST /tokenize gives the ids of a text, with the token that prompts begin with unless told otherwise", async () => {
  const app = testApp();
  const tokens = [0, 72, 105];
  expect(await ask(app, "/tokenize", { prompt: "Hi" })).toEqual({
    status: 200,
    body: { tokens, count: 3, max_model_len: 512 },
  });
  const bare = await ask(app, "/tokenize", { model: "tiny", prompt: "Hi", add_special_tokens: false });
  expect(bare.body.tokens).toEqual([72, 105]);
  expect((await ask(app, "/tokenize", { prompt: "" })).body.count).toBe(1);
  expect((await ask(app, "/detokenize", { tokens: [72, 105] })).body).toEqual({ prompt: "Hi" });
});

test("POST /tokenize and /apply-template lay out a conversation as chat does, and fetch no picture (I01)", async () => {
  const app = testApp();
  const picture = { type: "image_url", image_url: { url: "http://169.254.169.254/secret" } };
  const tools = [{ type: "function", function: { name: "f", parameters: {}, extra: 1 } }];
  const body = {
    messages: [{ role: "developer", content: "Be brief" }, { role: "user", content: [picture] }],
    tools,
    chat_template_kwargs: { date_string: "26 Jul 2024" },
    add_generation_prompt: false,
  };
  const { body: laidOut } = await ask(app, "/apply-template", body);
  expect(JSON.parse(laidOut.prompt)).toMatchObject({
    messages: [{ role: "system" }, { role: "user", content: [{ type: "image" }] }],
    tools,
    dateString: "26 Jul 2024",
    addGenerationPrompt: false,
  });
  expect((await ask(app, "/tokenize", body)).body.count).toBe(laidOut.prompt.length + 1);
  expect([app.loaded, app.runtime.requests]).toEqual([[], []]);
});

test("POST /tokenize encodes in the turn of who asks, and no longer than they wait", async () => {
  const { app, runtime } = testApp();
  const [text, conversation] = [
    spyOn(runtime.texts, "tokenize"),
    spyOn(runtime.texts, "tokenizeConversation"),
  ];
  const leaving = new AbortController();
  const post = (body: unknown) =>
    app.fetch(
      new Request("http://localhost:8000/tokenize", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: leaving.signal,
      }),
    );
  conversation.mockImplementation((_, signal) => {
    leaving.abort();
    return Promise.reject(signal?.reason);
  });
  try {
    expect((await post({ prompt: "Hi" })).status).toBe(200);
    expect((await post({ messages: [user] })).status).toBe(499);
    const client = { caller: expect.any(String), user: "" };
    expect(text.mock.calls[0]![2]).toEqual({ client, signal: expect.any(AbortSignal) });
    const [request, signal] = conversation.mock.calls[0]!;
    expect(request.client).toEqual(client);
    expect(signal?.aborted).toBe(true);
  } finally {
    for (const spy of [text, conversation]) spy.mockRestore();
  }
});

test("the text routes name the field at fault (P02, P13)", async () => {
  const app = testApp();
  const cases: [string, unknown, number, string][] = [
    ["/tokenize", {}, 400, "prompt"],
    ["/tokenize", { prompt: "Hi", messages: [user] }, 400, "prompt"],
    ["/tokenize", { prompt: 1 }, 400, "prompt"],
    ["/tokenize", { prompt: "Hi", model: "other" }, 404, "model"],
    ["/tokenize", { messages: [] }, 400, "messages"],
    ["/detokenize", {}, 400, "tokens"],
    ["/detokenize", { tokens: [1, -1] }, 400, "tokens[1]"],
    ["/detokenize", { tokens: [1.5] }, 400, "tokens[0]"],
    ["/detokenize", { tokens: "1" }, 400, "tokens"],
    ["/apply-template", { prompt: "Hi" }, 400, "messages"],
    ["/apply-template", { messages: [{ role: "wizard", content: "Hi" }] }, 400, "messages[0].role"],
    [
      "/apply-template",
      { messages: [user], chat_template_kwargs: { messages: [] } },
      400,
      "chat_template_kwargs",
    ],
  ];
  for (const [path, body, status, param] of cases) {
    const answer = await ask(app, path, body);
    expect([path, body, answer.status, answer.body.error?.param]).toEqual([path, body, status, param]);
  }
});
