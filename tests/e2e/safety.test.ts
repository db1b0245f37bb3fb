/** Rows of the security notes against the program as strangers meet it: one process, a key, the open model inside. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { play } from "../http/fuzz/connection.ts";
import { rawCase, rightKey } from "../http/fuzz/grammar.ts";
import { drawsOf } from "../support/draws.ts";
import {
  checkpointDirectory,
  emptyDirectory,
  runExecutable,
  type ServedModel,
  serveModel,
} from "../support/executable.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

let server: ServedModel;
beforeAll(async () => {
  server = await serveModel(undefined, ["--api-key", rightKey, "--max-requests-per-client", "2"]);
});
afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

const key = { authorization: `Bearer ${rightKey}` };
const question = { model: "default", messages: [{ role: "user", content: "Hi" }], max_tokens: 2 };

function post(body: object, headers: Record<string, string> = key): Promise<Response> {
  return fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

async function codeOf(response: Response): Promise<string> {
  return (await response.json() as { error: { code: string } }).error.code;
}

test("K01 K04 without the key there is nothing but the probes", async () => {
  const statuses = (headers: Record<string, string>) =>
    Promise.all(
      ["/livez", "/readyz", "/health", "/metrics", "/version", "/v1/models", "/openapi.json", "/nowhere"]
        .map(async (path) => (await fetch(`${server.url}${path}`, { headers })).status),
    );
  expect(await statuses({})).toEqual([200, 200, 200, 401, 401, 401, 401, 401]);
  expect(await statuses(key)).toEqual([200, 200, 200, 200, 200, 200, 200, 404]);
  expect((await post(question, {})).status).toBe(401);
  expect((await post(question)).status).toBe(200);
});

test("K05 K06 other names and other sites' pages are refused", async () => {
  expect((await post(question, { ...key, host: "rebind.attacker:8080" })).status).toBe(421);
  expect((await post(question, { ...key, origin: "https://evil.example" })).status).toBe(403);
});

test("I01 I03 no picture comes from this machine or its network", async () => {
  for (const url of [`${server.url}/livez`, "http://169.254.169.254/latest", "file:///etc/passwd"]) {
    const content = [{ type: "image_url", image_url: { url } }];
    const response = await post({ ...question, messages: [{ role: "user", content }] });
    expect([url, response.status, await codeOf(response)]).toEqual([url, 400, "image_url_not_allowed"]);
  }
});

test("O13 a client that has its share under way is told to wait, and gets its turn after that", async () => {
  const long = { ...question, max_tokens: 4000, ignore_eos: true, stream: true };
  const leaving = new AbortController();
  const streams = await Promise.all([0, 1].map(() =>
    fetch(`${server.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...key },
      body: JSON.stringify(long),
      signal: leaving.signal,
    })
  ));
  expect(streams.map(({ status }) => status)).toEqual([200, 200]);
  const refused = await post(question);
  expect([refused.status, Number(refused.headers.get("retry-after")) > 0]).toEqual([429, true]);
  expect(await codeOf(refused)).toBe("too_many_requests");
  leaving.abort();
  let status = 429;
  for (let i = 0; i < 200 && status === 429; i++) {
    await Bun.sleep(50);
    ({ status } = await post(question));
  }
  expect(status).toBe(200);
});

test("H05 H07 P08 broken requests get an answer or a closed connection, and the next one an answer", async () => {
  const url = new URL(server.url);
  for (let index = 0; index < 100; index++) await play(url, rawCase(drawsOf(11, index)));
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
});

test("O17 weights that are cut while they are served cost no answer, and the next start says so", async () => {
  using folder = emptyDirectory();
  cpSync(checkpointDirectory("tiny-mllama"), folder.path, { recursive: true });
  const other = await serveModel(folder.path, ["--ctx-size", "256"]);
  const ask = async () => {
    const response = await fetch(`${other.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...question, max_tokens: 16, temperature: 0, ignore_eos: true }),
    });
    const { choices } = await response.json() as { choices: [{ message: { content: string } }] };
    return [response.status, choices[0].message.content];
  };
  const before = await ask();
  expect(before).toEqual([200, expect.any(String)]);
  for (const name of ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]) {
    truncateSync(join(folder.path, name), 2000);
    expect(await ask()).toEqual(before);
  }
  expect((await fetch(`${other.url}/readyz`)).status).toBe(200);
  expect(await other.stop()).toBe(0);
  const { code, stderr } = await runExecutable(["serve", folder.path, "--port", "0"]);
  expect([code, stderr]).toEqual([7, expect.stringMatching(/model-0000[12]-of-00002\.safetensors/)]);
});
