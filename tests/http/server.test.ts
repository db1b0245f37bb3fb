import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { connect, createServer } from "node:net";
import { once } from "node:events";
import OpenAI, {
  APIError,
  APIUserAbortError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from "openai";
import { RequestError } from "../../src/base/errors.ts";
import { acceptedHosts } from "../../src/http/guard.ts";
import { type Server, startServer } from "../../src/http/server.ts";
import { answer, type Step, until } from "../support/fake_runtime.ts";
import { question, testApp } from "./support.ts";

// The machine may be busy with other tests; a test that hangs still ends.
setDefaultTimeout(30_000);

const running: Server[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop(0)));
});

function start(script?: Parameters<typeof testApp>[0], options: Parameters<typeof testApp>[1] = {}) {
  const host = "127.0.0.1";
  const test = testApp(script, { hosts: acceptedHosts(host), ...options });
  const server = startServer(test.app, host, 0);
  running.push(server);
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  return { ...test, server, client };
}

/** What a promise fails with. The client's own promises are lazy, and `expect().rejects` does not wait for them. */
async function failure(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("It should have failed");
}

const messages = [{ role: "user" as const, content: "Hi" }];

test("the openai client gets a whole answer", async () => {
  const { client } = start();
  const body = await client.chat.completions.create({ model: "tiny", messages });
  expect(body.choices[0]!.message.content).toBe("Hello, world");
  expect(body.usage!.total_tokens).toBe(24);
  expect(body._request_id).toStartWith("req_");
});

test("the openai client gets a streamed answer, piece by piece as it is made", async () => {
  const { client } = start(() => {
    const [first, ...rest] = answer("Hello", " 😀");
    return [first!, rest[0]!, { waitMs: 80 }, ...rest.slice(1)];
  });
  const stream = await client.chat.completions.create({
    model: "default",
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  const arrivals: [string, number][] = [];
  let usage;
  for await (const chunk of stream) {
    const piece = chunk.choices[0]?.delta.content;
    if (piece) arrivals.push([piece, performance.now()]);
    usage = chunk.usage ?? usage;
  }
  expect(arrivals.map(([piece]) => piece)).toEqual(["Hello", " 😀"]);
  expect(arrivals[1]![1] - arrivals[0]![1]).toBeGreaterThan(50);
  expect(usage!.prompt_tokens).toBe(21);
});

test("the openai client's stream helper accepts the stream", async () => {
  const { client } = start();
  const final = await client.chat.completions.stream({ model: "tiny", messages }).finalChatCompletion();
  expect(final.choices[0]!.message).toMatchObject({ role: "assistant", content: "Hello, world" });
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

test("the openai client raises its own error classes", async () => {
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

test("the openai client retries a full queue and does not repeat a failure of our own", async () => {
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

test("the openai client's abort ends the answer on the server, streamed or not", async () => {
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

/** Sends raw bytes, and returns all that comes back until the server closes or `ms` have passed. */
async function raw(server: Server, text: string, ms = 500): Promise<string> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  await once(socket, "connect");
  let received = "";
  socket.on("data", (bytes) => received += bytes.toString("latin1"));
  socket.on("error", () => {});
  socket.write(text);
  await Promise.race([once(socket, "close"), Bun.sleep(ms)]);
  socket.destroy();
  return received;
}

test("malformed and foreign hosts are refused before routing (K03, K06)", async () => {
  const { server } = start();
  const get = (host: string) =>
    raw(server, `GET /v1/models HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  for (
    const host of ["localhost/v1/models?", "a#", "a/../x", "user:pw@evil", "", "a\\b", "rebind.attacker:8080"]
  ) {
    const reply = await get(host);
    expect([host, reply.slice(0, 12)]).toEqual([host, expect.stringMatching(/^HTTP\/1.1 4(00|21)$/)]);
  }
  for (const host of ["localhost:8000", "127.0.0.1", "[::1]:8000", "0.0.0.0:8000"]) {
    expect(await get(host)).toStartWith("HTTP/1.1 200");
  }
});

test("a body that says it is too large is refused before it is read (H06)", async () => {
  const { server } = start();
  const head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  for (const length of [34_603_008, 1_000_000_000_000]) {
    const reply = await raw(server, `${head}Content-Length: ${length}\r\n\r\n{`);
    expect(reply).toStartWith("HTTP/1.1 413");
    expect(reply).toContain("body_too_large");
  }
});

test("a body that grows too large in chunks is cut off, and memory stays flat (H06)", async () => {
  const { server, app, logged } = start();
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  let reply = "";
  let closed = false;
  socket.on("data", (bytes) => reply += bytes.toString("latin1"));
  socket.on("error", () => {});
  socket.on("close", () => closed = true);
  socket.write("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
  socket.write("Transfer-Encoding: chunked\r\n\r\n");
  const piece = Buffer.concat([Buffer.from("100000\r\n"), Buffer.alloc(0x100000, 0x20), Buffer.from("\r\n")]);
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 400 && !closed && logged.length === 0; i++) {
    if (!socket.write(piece)) {
      await until(() => closed || logged.length > 0 || socket.writableLength < piece.length);
    }
  }
  await until(() => logged.length > 0);
  expect(logged[0]).toContain(" 413 ");
  // A client that goes on sending may see the connection reset before it reads the answer.
  if (reply !== "") expect(reply).toStartWith("HTTP/1.1 413");
  expect(process.memoryUsage.rss() - before).toBeLessThan(200e6);
  socket.destroy();
  await until(() => app.active === 0);
});

test(
  "silent and dripping connections are closed, and an answer that takes longer than that arrives (H02, H03)",
  async () => {
    const { server, client, app } = start((request) =>
      request.maxTokens === 1 ? answer("x") : [{ waitMs: 15_000 }, ...answer("slow")]
    );
    const slow = client.chat.completions.create({ model: "tiny", messages });
    const post =
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    const quick = (stream: boolean) => {
      const body = JSON.stringify({ ...question, max_tokens: 1, stream });
      return `${post}Content-Length: ${body.length}\r\n\r\n${body}`;
    };
    const openings: Record<string, [first: string, everySecond?: string]> = {
      nothing: [""],
      "half a line": ["GET /v1/mod"],
      "dripping headers": ["GET /health HTTP/1.1\r\nHost: localhost\r\n", "X-A: b\r\n"],
      "silent body": [`${post}Content-Length: 1000\r\n\r\n{`],
      "dripping body": [`${post}Content-Length: 1000\r\n\r\n{`, " "],
      "kept open after an answer": [quick(false)],
      "kept open after a stream": [quick(true)],
    };
    const ends = Object.entries(openings).map(async ([name, [first, everySecond]]) => {
      const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
      socket.on("error", () => {}).on("data", () => {});
      socket.write(first);
      const drip = setInterval(() => everySecond && socket.write(everySecond), 1000);
      const closed = await Promise.race([
        once(socket, "close").then(() => true),
        Bun.sleep(16_000).then(() => false),
      ]);
      clearInterval(drip);
      socket.destroy();
      return [name, closed];
    });
    expect(await Promise.all(ends)).toEqual(Object.keys(openings).map((name) => [name, true]));
    expect((await slow).choices[0]!.message.content).toBe("slow");
    expect(app.active).toBe(0);
  },
  30_000,
);

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

test("stop() keeps listening until the last answer: /health says draining, requests get a 503", async () => {
  const { server, client } = start(
    () => [...answer("last").slice(0, 2), { waitMs: 300 }, ...answer("last").slice(2)],
  );
  const pending = client.chat.completions.create({ model: "tiny", messages });
  await Bun.sleep(30);
  const stopped = server.stop(5000);
  const get = (path: string) =>
    raw(server, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  const health = await get("/health");
  expect(health).toStartWith("HTTP/1.1 503");
  expect(health).toContain('{"status":"draining"}');
  const refused = await get("/v1/models");
  expect(refused).toStartWith("HTTP/1.1 503");
  expect(refused.toLowerCase()).toContain("retry-after: 5");
  expect((await pending).choices[0]!.message.content).toBe("last");
  await stopped;
});

test("stop() lets an answer finish and closes the port (O06)", async () => {
  const { server, client } = start(
    () => [...answer("last").slice(0, 2), { waitMs: 100 }, ...answer("last").slice(2)],
  );
  const pending = client.chat.completions.create({ ...question, model: "tiny", messages });
  await Bun.sleep(30);
  await server.stop(5000);
  expect((await pending).choices[0]!.message.content).toBe("last");
  expect(await failure(fetch(`${server.url}/health`))).toMatchObject({ code: "ECONNREFUSED" });
});
