/** Row T12 of the security notes over sockets: odd characters in great number, and what the log makes of them. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { once } from "node:events";
import process from "node:process";
import { createLog, type LogFormat } from "../../src/base/log.ts";
import { createApp } from "../../src/http/app.ts";
import { type Server, startServer } from "../../src/http/server.ts";
import { pictureLoader } from "../../src/runtime/pictures.ts";
import type { Runtime } from "../../src/runtime/request.ts";
import { openRuntime } from "../../src/runtime/runtime.ts";
import { buildShaders } from "../../tools/build_shaders.ts";
import { until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { json } from "./support.ts";

buildShaders();
setDefaultTimeout(testLimitMs);

let runtime: Runtime;
const servers: Server[] = [];
const logged: string[] = [];

beforeAll(async () => {
  runtime = await openRuntime({
    model: "demo",
    device: process.env.LLAMAV_DEVICE,
    pipelineCache: undefined,
    contextLength: 512,
    imageTiles: 4,
  });
  for (const format of ["text", "json"] as LogFormat[]) {
    const app = createApp({
      version: "1.2.3",
      log: createLog((line) => logged.push(line), "debug", format),
      loadPicture: pictureLoader({ allowRemote: false, allowPrivate: false }),
    });
    app.serve(runtime);
    servers.push(startServer(app, "127.0.0.1", 0));
  }
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop(0)));
  await runtime.close();
});

async function ask(content: string, more: object = {}, headers: Record<string, string> = {}) {
  const response = await fetch(`${servers[0]!.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "default", messages: [{ role: "user", content }], max_tokens: 4, ...more }),
  });
  return { status: response.status, body: await json(response) };
}

const family = "👩‍👩‍👧‍👦";

test("forty thousand emoji and fifty thousand spaces are a 400 that says what is too much (T12)", async () => {
  const cases: [string, string, RegExp][] = [
    [family.repeat(40_000), "context_length_exceeded", /512/],
    [`${family}\n`.repeat(40_000), "context_length_exceeded", /512/],
    [`x${" ".repeat(50_000)}y`, "context_length_exceeded", /512/],
    ["\u202e\0\u0001\u009b".repeat(10_000), "context_length_exceeded", /512/],
  ];
  for (const [text, code, says] of cases) {
    const { status, body } = await ask(text);
    expect([status, body.error.code]).toEqual([400, code]);
    expect(body.error.message).toMatch(says);
    // Of a text of 40,000 characters nothing is repeated.
    expect(body.error.message.length).toBeLessThan(300);
  }
});

test("a few odd characters are a question like every other (T12)", async () => {
  for (const text of [family.repeat(8), `x${" ".repeat(400)}y`, "\u202e\0\u0001\u009b\x1b[2J".repeat(8)]) {
    const { status, body } = await ask(text);
    expect([status, body.usage.completion_tokens]).toEqual([200, 4]);
  }
});

test("no control character that a caller writes reaches the log, wherever it is written (T12, C04)", async () => {
  logged.length = 0;
  const hostile = '\u202e\0\u0001\x1b[2J\x1b]0;x\x07\n{"level":"error"}\u009b';
  await ask(hostile, { user: hostile });
  await ask("Hi", { model: hostile });
  await ask("Hi", { logit_bias: { [hostile]: 1 } });
  await ask("Hi", { [hostile]: 1, response_format: { type: hostile } });
  await ask("Hi", { stop: [hostile], chat_template_kwargs: { [hostile]: 1 } });
  const percent = encodeURIComponent(hostile);
  for (const { url } of servers) {
    await (await fetch(`${url}/v1/${percent}?${percent}`)).text();
    // Not even fetch sends these as they are.
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.on("error", () => {}).resume();
    await once(socket, "connect");
    const closed = once(socket, "close");
    socket.end(
      `GET /livez/\x1b[2J\x80\u009b HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: \x1b[31m\u009b\r\nConnection: close\r\n\r\n`,
    );
    await closed;
  }
  await until(() => logged.length >= 6);
  for (const line of logged) {
    expect(line).toEndWith("\n");
    // deno-lint-ignore no-control-regex -- what a terminal obeys, and what turns texts around
    expect(line.slice(0, -1)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
  }
  // Were it not one line for each request, a caller could have written one.
  expect(logged.filter((line) => /"level":"error"/.test(line) && !line.startsWith("{"))).toEqual([]);
});
