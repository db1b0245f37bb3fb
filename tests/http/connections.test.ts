import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import process from "node:process";
import type { Server } from "../../src/http/server.ts";
import { answer, until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { failure, Servers } from "./servers.ts";
import { question } from "./support.ts";

setDefaultTimeout(testLimitMs);

const servers = new Servers();
const start = servers.start.bind(servers);

afterEach(() => servers.stop());

const messages = [{ role: "user" as const, content: "Hi" }];

/** Sends raw bytes, and returns all that comes back until the server closes the connection. */
async function raw(server: Server, text: string): Promise<string> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  await once(socket, "connect");
  let received = "";
  socket.on("data", (bytes) => received += bytes.toString("latin1"));
  socket.on("error", () => {});
  socket.write(text);
  await Promise.race([once(socket, "close"), Bun.sleep(10_000)]);
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
  "silent and dripping connections are closed within 15 s and fill no memory, and a longer answer arrives (H02, H03)",
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
    const before = process.memoryUsage.rss();
    const many = Array.from({ length: 20 }, () => Object.entries(openings)).flat();
    const ends = many.map(async ([name, [first, everySecond]]) => {
      const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
      socket.on("error", () => {}).on("data", () => {});
      socket.write(first);
      const drip = setInterval(() => everySecond && socket.write(everySecond), 1000);
      const closed = await Promise.race([
        once(socket, "close").then(() => true),
        Bun.sleep(25_000).then(() => false), // it is after ten to fourteen, H03 wants 15; the machine may be busy
      ]);
      clearInterval(drip);
      socket.destroy();
      return [name, closed];
    });
    expect((await Promise.all(ends)).filter(([, closed]) => !closed)).toEqual([]);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100e6);
    expect((await slow).choices[0]!.message.content).toBe("slow");
    expect(app.active).toBe(0);
  },
  testLimitMs,
);

/** A script whose answer ends when told. */
function held() {
  const state = { goesOn: false };
  const [begin, piece, end] = answer("last");
  const script = function* () {
    yield* [begin!, piece!];
    while (!state.goesOn) yield { waitMs: 5 };
    yield end!;
  };
  return { state, script };
}

test("stop() keeps listening until the last answer: /health says draining, requests get a 503", async () => {
  const { state, script } = held();
  const { server, client, runtime } = start(script);
  const pending = client.chat.completions.create({ model: "tiny", messages });
  await until(() => runtime.running === 1);
  const stopped = server.stop(30_000);
  const get = (path: string) =>
    raw(server, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  const health = await get("/health");
  expect(health).toStartWith("HTTP/1.1 503");
  expect(health).toContain('{"status":"draining",');
  const refused = await get("/v1/models");
  expect(refused).toStartWith("HTTP/1.1 503");
  expect(refused.toLowerCase()).toContain("retry-after: 5");
  state.goesOn = true;
  expect((await pending).choices[0]!.message.content).toBe("last");
  await stopped;
});

test("stop() lets an answer finish and closes the port (O06)", async () => {
  const { state, script } = held();
  const { server, client, runtime, app } = start(script);
  const pending = client.chat.completions.create({ model: "tiny", messages });
  await until(() => runtime.running === 1);
  const stopped = server.stop(30_000);
  expect(app.active).toBe(1);
  state.goesOn = true;
  await stopped;
  expect((await pending).choices[0]!.message.content).toBe("last");
  expect(await failure(fetch(`${server.url}/health`))).toMatchObject({ code: "ECONNREFUSED" });
});

/** A chat request whose body does not arrive: one byte more every 100 ms. */
async function dripUpload(server: Server) {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  await once(socket, "connect");
  const seen = { text: "", closed: false };
  socket.on("data", (bytes) => seen.text += bytes.toString("latin1"));
  socket.on("error", () => {});
  socket.write(
    "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
      "Content-Length: 100000\r\n\r\n{",
  );
  const drip = setInterval(() => socket.write(" "), 100);
  socket.on("close", () => {
    seen.closed = true;
    clearInterval(drip);
  });
  return seen;
}

test("stop() does not wait for an upload longer than its grace, and tells its client", async () => {
  const { server, app, logged } = start();
  const upload = await dripUpload(server);
  await until(() => app.active === 1);
  await server.stop(300); // the upload itself never ends
  expect(app.active).toBe(0);
  expect(logged[0]).toContain(" 503 ");
  await until(() => upload.closed);
  expect(upload.text).toStartWith("HTTP/1.1 503");
});

test("stop() ends though an answer does not, and tells its client", async () => {
  const { server, app } = start(undefined, { loadPicture: () => new Promise(() => {}) });
  const content = [{ type: "image_url" as const, image_url: { url: "http://pictures.example/x.jpg" } }];
  const cut = fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "tiny", messages: [{ role: "user", content }] }),
  });
  await until(() => app.active === 1);
  await server.stop(100); // the picture never comes
  expect((await cut).status).toBe(503);
});

test("an upload that takes too long as a whole is a 408, and its connection is closed", async () => {
  const { server, app } = start(undefined, { uploadMs: 400 });
  const upload = await dripUpload(server);
  await until(() => upload.closed);
  expect(upload.text).toStartWith("HTTP/1.1 408");
  expect(upload.text).toContain("body_too_slow");
  expect(app.active).toBe(0);
});

test("Bun resolves the dots in a path before the app sees it: /v1/./models is /v1/models, with a key as without (H08)", async () => {
  const { server } = start();
  const locked = start(undefined, { keys: ["sk-right"] }).server;
  const get = (path: string, of = server) =>
    raw(of, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  for (const path of ["/v1/./models", "/v1/../v1/models", "/v1/%2e%2e/v1/models", "/../v1/../models"]) {
    expect([path, await get(path)]).toEqual([path, expect.stringMatching(/^HTTP\/1.1 200/)]);
    expect([path, await get(path, locked)]).toEqual([path, expect.stringMatching(/^HTTP\/1.1 401/)]);
  }
  for (const path of ["/v1/../../etc/passwd", "/v1/models/..", "//v1/models"]) {
    expect([path, await get(path)]).toEqual([path, expect.stringMatching(/^HTTP\/1.1 404/)]);
    expect([path, await get(path, locked)]).toEqual([path, expect.stringMatching(/^HTTP\/1.1 401/)]);
  }
});

test("bytes of a next request before the answer is complete end the running one and leak nothing", async () => {
  for (const stream of [false, true]) {
    const { server, app, runtime } = start(() => [...answer("a").slice(0, 2), { waitMs: 60_000 }]);
    const body = JSON.stringify({ ...question, stream });
    const post = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    socket.on("error", () => {}).on("data", () => {});
    socket.write(post);
    await until(() => runtime.running === 1);
    const closed = once(socket, "close");
    socket.write(post);
    await closed;
    await until(() => runtime.running === 0 && app.active === 0);
    expect([runtime.requests.length, runtime.aborted]).toEqual([1, 1]);
  }
});
