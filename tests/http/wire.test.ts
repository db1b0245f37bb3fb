import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Server } from "../../src/http/server.ts";
import { answer, until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { Servers } from "./servers.ts";
import { question } from "./support.ts";

setDefaultTimeout(testLimitMs);

const servers = new Servers();
const start = servers.start.bind(servers);

afterEach(() => servers.stop());

interface Line {
  readonly socket: Socket;
  received: string;
  closed: boolean;
}

async function dial(server: Server): Promise<Line> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  await once(socket, "connect");
  const line: Line = { socket, received: "", closed: false };
  socket.on("data", (bytes) => line.received += bytes.toString("latin1"));
  socket.on("error", () => {});
  socket.on("close", () => line.closed = true);
  return line;
}

/** Waits until `condition` holds, or for so long. */
async function patiently(condition: () => boolean, ms: number): Promise<void> {
  for (const end = performance.now() + ms; !condition() && performance.now() < end;) await Bun.sleep(5);
}

/**
 * Sends bytes and waits for an answer to `count` requests, or for a closed connection.
 *
 * @param patienceMs how long; less where it may be that nothing comes
 */
async function send(line: Line, bytes: string, count = 1, patienceMs = 20_000): Promise<string> {
  const before = line.received.length;
  line.socket.write(bytes);
  const answers = () => line.received.slice(before);
  await patiently(() => line.closed || answers().split("HTTP/1.1 ").length > count, patienceMs);
  return answers();
}

async function sendOnce(server: Server, bytes: string, count = 1, patienceMs?: number): Promise<string> {
  const line = await dial(server);
  const answer = await send(line, bytes, count, patienceMs);
  line.socket.destroy();
  return answer;
}

const body = JSON.stringify(question);
const post = (more = "") =>
  `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${more}`;

const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

test("headers and addresses beyond all measure are a 431, and the next request is answered (H01)", async () => {
  const { server } = start();
  const long = "x".repeat(32_768);
  const many = Array.from({ length: 500 }, (_, i) => `X-${i}: 1\r\n`).join("");
  for (const bytes of [get("/livez", `X-Long: ${long}\r\n`), get(`/${long}${long}`), get("/livez", many)]) {
    expect([bytes.slice(0, 60), await sendOnce(server, bytes)]).toEqual([
      bytes.slice(0, 60),
      expect.stringMatching(/^HTTP\/1.1 431 /),
    ]);
    expect(await sendOnce(server, get("/livez"))).toStartWith("HTTP/1.1 200");
  }
});

test(
  "a body in chunks of one byte is read like every other, and millions of them delay no probe (H04)",
  async () => {
    const { server, runtime } = start();
    const chunks = Array.from(body, (character) => `1\r\n${character}\r\n`).join("");
    expect(await sendOnce(server, `${post("Transfer-Encoding: chunked\r\n")}\r\n${chunks}0\r\n\r\n`))
      .toStartWith("HTTP/1.1 200");
    const line = await dial(server);
    const padding = "1\r\n \r\n".repeat(3_000_000);
    line.socket.write(`${post("Transfer-Encoding: chunked\r\n")}\r\n${padding}${chunks}0\r\n\r\n`);
    let probes = 0;
    while (line.received === "" && !line.closed) {
      expect((await fetch(`${server.url}/livez`)).status).toBe(200);
      probes++;
    }
    line.socket.destroy();
    expect(line.received).toStartWith("HTTP/1.1 200");
    expect(runtime.requests.length).toBe(2);
    // While it came there were others' turns: more than the one before its first byte was read.
    expect(probes).toBeGreaterThan(1);
  },
);

test("requests whose length is not certain are refused and their connection is closed (H05)", async () => {
  const { server, runtime } = start();
  const length = `Content-Length: ${body.length}\r\n`;
  const doubtful = [
    `${post(`${length}Transfer-Encoding: chunked\r\n`)}\r\n${body}`,
    `${post(`${length}Content-Length: 1\r\n`)}\r\n${body}`,
    `${post("Content-Length: -1\r\n")}\r\n${body}`,
    `${post("Transfer-Encoding: chunked\r\n")}\r\nFFFFFFFFFFFFFFFFF\r\n${body}\r\n0\r\n\r\n`,
    "GET /livez HTTP/1.1\r\n\r\n",
  ];
  for (const bytes of doubtful) {
    const line = await dial(server);
    const answer = await send(line, bytes);
    expect([bytes.slice(0, 200), answer]).toEqual([
      bytes.slice(0, 200),
      expect.stringMatching(/^(HTTP\/1.1 400|$)/),
    ]);
    await patiently(() => line.closed, 20_000);
    line.socket.destroy();
    expect(line.closed).toBe(true);
  }
  expect(runtime.requests.length).toBe(0);
});

test("one connection's requests are each checked for their own key (H07)", async () => {
  const { server } = start(undefined, { keys: ["sk-right"] });
  const models = (more = "") => get("/v1/models", more);
  const line = await dial(server);
  expect(await send(line, models("Authorization: Bearer sk-right\r\n"))).toStartWith("HTTP/1.1 200");
  expect(await send(line, models())).toStartWith("HTTP/1.1 401");
  expect(await send(line, models("Authorization: Bearer sk-wrong\r\n"))).toStartWith("HTTP/1.1 401");
  expect(await send(line, models("Authorization: Bearer sk-right\r\n"))).toStartWith("HTTP/1.1 200");
  line.socket.destroy();
  // Sent together: no request is answered with another's key, whether the second one is answered at all.
  const both = models("Authorization: Bearer sk-right\r\n") + models();
  const together = await sendOnce(server, both, 2, 3000); // the second answer may never come
  const statuses = [...together.matchAll(/HTTP\/1.1 (\d+)/g)].map((match) => match[1]);
  expect([["200", "401"], ["200"]]).toContainEqual(statuses as string[]);
});

test("old, hesitant and absolute requests are answered or refused, never as somebody else's (H07)", async () => {
  const { server, runtime } = start(undefined, { keys: ["sk-right"] });
  const key = "Authorization: Bearer sk-right\r\n";
  const answers = {
    old: await sendOnce(server, "GET /v1/models HTTP/1.0\r\nHost: localhost\r\n\r\n"),
    absolute: await sendOnce(server, `GET http://evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n`),
    hesitant: await sendOnce(
      server,
      `${post(`${key}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n`)}\r\n${body}`,
      2,
    ),
  };
  expect(answers.old).not.toContain("200");
  expect(answers.absolute).not.toContain("200");
  expect(answers.hesitant).toContain("HTTP/1.1 200");
  expect(runtime.requests.length).toBe(1);
});

test("two headers with keys, or a key with a NUL, are no key, and every refusal is the same (K01)", async () => {
  const { server } = start(undefined, { keys: ["sk-right"] });
  const right = "Authorization: Bearer sk-right\r\n";
  const wrong = "Authorization: Bearer sk-wrong\r\n";
  const other = "X-Api-Key: sk-right\r\n";
  const refusals = [];
  for (const keys of ["", right + right, right + wrong, wrong + right, other + other, wrong + other]) {
    const [head, told] = (await sendOnce(server, get("/v1/models", keys))).split("\r\n\r\n");
    expect([keys, head]).toEqual([
      keys,
      expect.stringMatching(/^HTTP\/1.1 401 .*www-authenticate: Bearer\r/is),
    ]);
    refusals.push(told);
  }
  expect([new Set(refusals).size, refusals[0]]).toEqual([1, expect.stringContaining("authentication_error")]);
  // A NUL is in no header: Bun refuses it before anybody asks for a key.
  for (const keys of ["Authorization: Bearer sk-right\0\r\n", "X-Api-Key: sk-right\0\r\n"]) {
    expect(await sendOnce(server, get("/v1/models", keys))).toStartWith("HTTP/1.1 400");
  }
  for (const keys of [right, other]) {
    expect(await sendOnce(server, get("/v1/models", keys))).toStartWith("HTTP/1.1 200");
  }
});

test(
  "two thousand connections that fall silent are closed after a while, and keep nobody from an answer (H10)",
  async () => {
    const { server, client } = start();
    const idle: Line[] = [];
    while (idle.length < 2000) {
      idle.push(
        ...await Promise.all(Array.from({ length: 100 }, async () => {
          const line = await dial(server);
          expect(await send(line, get("/livez"))).toStartWith("HTTP/1.1 200");
          return line;
        })),
      );
    }
    const open = () => idle.filter(({ closed }) => !closed).length;
    expect(open()).toBeGreaterThan(0);
    let served = 0;
    while (open() > 0) {
      expect((await client.models.list()).data.length).toBe(1);
      served++;
      await Bun.sleep(100);
    }
    expect(served).toBeGreaterThan(1);
  },
);

test("every method but its own is a 405 with Allow on every route, also TRACE and CONNECT, and echoes nothing (D6, H09)", async () => {
  const { server } = start();
  const { paths } = await (await fetch(`${server.url}/openapi.json`)).json() as {
    paths: Record<string, Record<string, object>>;
  };
  expect(Object.keys(paths).length).toBeGreaterThan(15);
  for (const [template, methods] of Object.entries(paths)) {
    const path = template.replace(/\{\w+\}/, "tiny");
    const allow = Object.keys(methods).map((method) => method.toUpperCase()).join(", ");
    for (const method of ["TRACE", "CONNECT", "PUT", "DELETE", "PATCH"]) {
      const line = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nX-Secret: mine\r\n\r\n`;
      const reply = await sendOnce(server, line);
      expect([method, path, reply]).toEqual([method, path, expect.stringMatching(/^HTTP\/1.1 405 /)]);
      expect(reply.toLowerCase()).toContain(`\r\nallow: ${allow.toLowerCase()}\r\n`);
      expect(reply).not.toContain("mine");
    }
  }
  expect(await sendOnce(server, "TRACE /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")).toStartWith(
    "HTTP/1.1 404",
  );
});

test("a reader that stops reading fills no memory, is given up, and delays nobody (O05)", async () => {
  const piece = "x".repeat(1000);
  const most = 100_000;
  const { server, runtime, app, logged } = start(
    (request) => request.maxTokens === 1 ? answer("quick") : answer(...new Array<string>(most).fill(piece)),
    { stallMs: 500 },
  );
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.on("error", () => {});
  const stream = JSON.stringify({ ...question, stream: true });
  socket.write(`${post(`Content-Length: ${stream.length}\r\n`)}\r\n${stream}`);
  socket.pause();
  await until(() => runtime.running === 1);
  const quick = await fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...question, max_tokens: 1 }),
  });
  expect(quick.status).toBe(200);
  await until(() => runtime.running === 0 && app.active === 0);
  expect(logged.at(-1)).toContain("client stalled");
  // The system's own buffers hold a few megabytes; the server adds nothing that grows.
  expect(runtime.produced).toBeLessThan(most / 4);
  socket.destroy();
});

test("clients that try another replica lose nothing when one is stopped (O18)", async () => {
  const replicas = [start(), start()];
  const ask = async (first: number) => {
    for (let attempt = 0; attempt < 4; attempt++) {
      const { server } = replicas[(first + attempt) % 2]!;
      const response = await fetch(`${server.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      }).catch(() => undefined);
      if (response?.ok) return (await response.json() as { choices: unknown[] }).choices.length;
    }
    return 0;
  };
  const answers: Promise<number>[] = [];
  let stopped: Promise<void> | undefined;
  for (let i = 0; i < 60; i++) {
    answers.push(ask(i));
    if (i === 20) stopped = replicas[0]!.server.stop(5000);
    await Bun.sleep(2);
  }
  expect(await Promise.all(answers)).toEqual(Array(60).fill(1));
  await stopped;
  expect(replicas[1]!.runtime.requests.length).toBeGreaterThan(20);
});

test("a body that was refused unread is not taken for a next request, nor kept (H05, O02)", async () => {
  const { server, runtime } = start();
  runtime.queueRoom = 0;
  const line = await dial(server);
  // What looks like a request, and is a body.
  const hidden = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20_000);
  const answer = await send(line, `${post(`Content-Length: ${hidden.length}\r\n`)}\r\n${hidden}`);
  expect(answer).toStartWith("HTTP/1.1 429");
  const next = await send(line, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  line.socket.destroy();
  const statuses = [...line.received.matchAll(/HTTP\/1.1 (\d+)/g)].map((match) => match[1]);
  // The connection goes on behind the body, or is closed.
  expect(next === "" ? ["429"] : ["429", "200"]).toEqual(statuses as string[]);
});
