import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { createServer } from "node:net";
import { once } from "node:events";
import OpenAI, {
  APIError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from "openai";
import { RequestError } from "../../src/base/errors.ts";
import { startServer } from "../../src/http/server.ts";
import { answer, type Step, until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { failure, Servers } from "./servers.ts";
import { testApp } from "./support.ts";

setDefaultTimeout(testLimitMs);

const servers = new Servers();
const start = servers.start.bind(servers);

afterEach(() => servers.stop());

const messages = [{ role: "user" as const, content: "Hi" }];

test("the openai client gets a whole answer", async () => {
  const { client } = start();
  const body = await client.chat.completions.create({ model: "tiny", messages });
  expect(body.choices[0]!.message.content).toBe("Hello, world");
  expect(body.usage!.total_tokens).toBe(24);
  expect(body._request_id).toStartWith("req_");
});

test("the openai client gets a streamed answer, piece by piece as it is made", async () => {
  const seen: string[] = [];
  const { client } = start(function* () {
    const [first, ...rest] = answer("Hello", " 😀");
    yield* [first!, rest[0]!];
    while (seen.length === 0) yield { waitMs: 5 }; // the next piece is made when this one was read
    yield* rest.slice(1);
  });
  const stream = await client.chat.completions.create({
    model: "default",
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  let usage;
  for await (const chunk of stream) {
    const piece = chunk.choices[0]?.delta.content;
    if (piece) seen.push(piece);
    usage = chunk.usage ?? usage;
  }
  expect(seen).toEqual(["Hello", " 😀"]);
  expect(usage!.prompt_tokens).toBe(21);
});

test("the openai client's stream helper accepts the stream", async () => {
  const { client } = start();
  const final = await client.chat.completions.stream({ model: "tiny", messages }).finalChatCompletion();
  expect(final.choices[0]!.message).toMatchObject({ role: "assistant", content: "Hello, world" });
});

test("the openai client's stream helper puts several answers together, and their log probabilities (D26)", async () => {
  const likely = { text: "a", bytes: Uint8Array.of(97), logprob: -0.25 };
  const piece = (choice: number, text: string) => ({
    type: "text" as const,
    choice,
    text,
    tokens: [{ ...likely, alternatives: [likely] }],
    completionTokens: 1,
  });
  const [begin, , , end] = answer("x", "y");
  const { client } = start(() => [
    begin!,
    piece(1, "b"),
    piece(0, "a"),
    piece(1, "c"),
    { ...end!, choice: 1 } as Step,
    { ...end!, choice: 0 } as Step,
  ]);
  const body = { model: "tiny", messages, n: 2, logprobs: true, top_logprobs: 1 };
  const final = await client.chat.completions.stream(body).finalChatCompletion();
  expect(final.choices.map(({ message, finish_reason }) => [message.content, finish_reason])).toEqual([
    ["a", "stop"],
    ["bc", "stop"],
  ]);
  expect(final.choices[1]!.logprobs!.content!.map(({ top_logprobs }) => top_logprobs[0]!.logprob)).toEqual(
    [-0.25, -0.25],
  );
});

test("the openai client gets text completions, whole and streamed", async () => {
  const { client } = start();
  const request = { model: "tiny", prompt: ["Once", "Twice"] };
  const body = await client.completions.create(request);
  expect(body.choices.map(({ index, text }) => [index, text])).toEqual([[0, "Hello, world"], [
    1,
    "Hello, world",
  ]]);
  const texts = ["", ""];
  for await (const { choices: [choice] } of await client.completions.create({ ...request, stream: true })) {
    texts[choice!.index] += choice!.text;
  }
  expect(texts).toEqual(["Hello, world", "Hello, world"]);
});

test("the openai client is let in by its key and told by its own class that it has none (D7)", async () => {
  const { server } = start(undefined, { keys: ["sk-right"] });
  const withKey = (apiKey: string) => new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 });
  expect((await withKey("sk-right").models.list()).data.length).toBe(1);
  expect(await failure(withKey("sk-wrong").models.list())).toBeInstanceOf(AuthenticationError);
});

test("the openai client sends pictures as data: URLs", async () => {
  const { client, loaded } = start();
  const url = "data:image/png;base64,iVBORw0KGgo=";
  await client.chat.completions.create({
    model: "tiny",
    messages: [{
      role: "user",
      content: [{ type: "text", text: "?" }, { type: "image_url", image_url: { url } }],
    }],
  });
  expect(loaded).toEqual([url]);
});

test("the openai client lists and finds models, also by a path with slashes", async () => {
  const { client } = start();
  expect((await client.models.list()).data.map((model) => model.id)).toEqual(["tiny"]);
  expect((await client.models.retrieve("some/folder/tiny")).id).toBe("tiny");
  expect(await failure(client.models.retrieve("gpt"))).toBeInstanceOf(NotFoundError);
});

test("the openai client raises its own error classes, in a stream as before one (D40)", async () => {
  const steps: Record<string, Step[]> = {
    full: [new RequestError("The queue is full", { code: "queue_full" })],
    broken: [new Error("boom")],
    late: [...answer("a").slice(0, 2), new Error("boom")],
  };
  const { client } = start((request) =>
    steps[(request.messages[0]!.content[0] as { text: string }).text] ?? []
  );
  const ask = (content: string, more: object = {}) =>
    client.chat.completions.create({ model: "tiny", messages: [{ role: "user", content }], ...more });
  expect(await failure(ask("x", { temperature: 3 }))).toBeInstanceOf(BadRequestError);
  expect(await failure(ask("x", { temperature: 3 }))).toMatchObject({ param: "temperature", status: 400 });
  expect(await failure(ask("x", { model: "other" }))).toMatchObject({ code: "model_not_found", status: 404 });
  expect(await failure(ask("full"))).toBeInstanceOf(RateLimitError);
  expect(await failure(ask("broken"))).toBeInstanceOf(InternalServerError);
  const stream = await client.chat.completions.create({
    model: "tiny",
    messages: [{ role: "user", content: "late" }],
    stream: true,
  });
  const read = (async () => {
    for await (const _ of stream);
  })();
  const late = await failure(read);
  expect(late).toBeInstanceOf(APIError);
  expect((late as Error).message).toStartWith("The server failed on this request");
});

test("the openai client retries a full queue and does not repeat a failure of our own (D9)", async () => {
  let asked = 0;
  const { server, runtime } = start(() =>
    ++asked === 1 ? [new RequestError("Full", { code: "queue_full" })] : answer("ok")
  );
  const patient = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 2 });
  const body = await patient.chat.completions.create({ model: "tiny", messages });
  expect(body.choices[0]!.message.content).toBe("ok");
  expect(asked).toBe(2);
  const broken = start(() => [new Error("boom")]);
  const again = new OpenAI({ baseURL: `${broken.server.url}/v1`, apiKey: "none", maxRetries: 2 });
  expect(await failure(again.chat.completions.create({ model: "tiny", messages }))).toBeInstanceOf(
    InternalServerError,
  );
  expect(broken.runtime.requests.length).toBe(1);
  expect(runtime.requests.length).toBe(2);
});

test("the openai client's abort ends the answer on the server, streamed or not (D39)", async () => {
  const { client, runtime, app } = start(() => [...answer("a").slice(0, 2), { waitMs: 60_000 }]);
  const leaving = new AbortController();
  const whole = client.chat.completions.create({ model: "tiny", messages }, { signal: leaving.signal });
  await until(() => runtime.running === 1);
  leaving.abort();
  expect(await failure(whole)).toBeInstanceOf(APIUserAbortError);
  await until(() => runtime.running === 0 && app.active === 0);
  const stream = await client.chat.completions.create({ model: "tiny", messages, stream: true });
  for await (const chunk of stream) if (chunk.choices[0]!.delta.content) break;
  await until(() => runtime.running === 0 && app.active === 0);
  expect(runtime.aborted).toBe(2);
});

test("the curl pipeline that people copy prints the answer", async () => {
  const { server, loaded } = start(() => answer("A red", " square", ", I think"));
  const body = {
    model: "tiny",
    stream: true,
    messages: [{
      role: "user",
      content: [
        { type: "text", text: "What is in this image?" },
        { type: "image_url", image_url: { url: "http://pictures.example/x.jpg" } },
      ],
    }],
  };
  const url = `${server.url.replace("127.0.0.1", "0.0.0.0")}/v1/chat/completions`;
  const command = `curl -N ${url} -H "Content-Type: application/json" -d '${JSON.stringify(body)}' | ` +
    `grep -o '"content":"[^"]*"' | sed 's/"content":"//g' | sed 's/"//g' | tr -d '\\n'`;
  const shell = Bun.spawn(["sh", "-c", command], { stdout: "pipe", stderr: "ignore" });
  expect(await new Response(shell.stdout).text()).toBe("A red square, I think");
  expect(loaded).toEqual(["http://pictures.example/x.jpg"]);
});

test("a port that is taken is an error with a remedy", async () => {
  const { app } = testApp();
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  expect(() => startServer(app, "127.0.0.1", port)).toThrow(
    `Cannot listen on 127.0.0.1:${port}: the port is in use`,
  );
  other.close();
});
