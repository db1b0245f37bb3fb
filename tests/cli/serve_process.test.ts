import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import process from "node:process";
import { join } from "node:path";
import { until } from "../support/fake_runtime.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

const program = join(import.meta.dir, "fake_program.ts");
/** A certificate for this machine's own names, made for these tests and trusted by nobody else. */
const tls = join(import.meta.dir, "../support/tls");
const started: Bun.Subprocess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

/** `llamav serve` over a fake runtime: what it writes to stderr, and where it listens once it has said so. */
async function serve(env: Record<string, string>, ...flags: string[]) {
  const child = Bun.spawn([process.execPath, program, "serve", "m", "--port", "0", "--verbose", ...flags], {
    env: { FAKE: "short", ...env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  started.push(child);
  const seen = { stderr: "" };
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stderr) seen.stderr += decoder.decode(bytes, { stream: true });
    return await child.exited;
  })();
  const address = /Listening on (https?:\/\/[\d.:]+)/;
  await Promise.race([until(() => address.test(seen.stderr)), ended]);
  const url = address.exec(seen.stderr)?.[1] ?? "";
  const ready = () => until(() => seen.stderr.includes("Server ready"));
  return { child, seen, ended, url, ready };
}

const question = { model: "default", messages: [{ role: "user", content: "secret prompt" }] };

function ask(url: string, headers: Record<string, string> = {}, more: object = {}): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ ...question, ...more }),
  });
}

test("serve answers probes while it loads, and questions with 503 and Retry-After (D10)", async () => {
  const { child, url, ready } = await serve({ LOAD: "held" });
  const probe = await fetch(`${url}/readyz`);
  expect([probe.status, await probe.json()]).toMatchObject([503, { status: "loading", progress: 0.5 }]);
  expect((await fetch(`${url}/livez`)).status).toBe(200);
  const early = await ask(url);
  expect([early.status, Number(early.headers.get("retry-after")) > 0]).toEqual([503, true]);
  child.kill("SIGUSR2");
  await ready();
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect((await ask(url)).status).toBe(200);
});

test("serve takes keys from flags and file, and logs neither keys nor texts, as JSON (K04, C04)", async () => {
  using folder = new TemporaryFolder();
  const file = folder.write("keys", "# mine\n\nsk-from-file\n");
  const { url, ready, seen } = await serve(
    { LLAMAV_LOG_FORMAT: "json" },
    "--api-key",
    "sk-from-flag",
    "--api-key-file",
    file,
  );
  await ready();
  expect((await ask(url)).status).toBe(401);
  expect((await fetch(`${url}/metrics`)).status).toBe(401);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect((await ask(url, { authorization: "Bearer sk-from-flag" })).status).toBe(200);
  expect((await ask(url, { "x-api-key": "sk-from-file", "x-request-id": "the-last" })).status).toBe(200);
  await until(() => /the-last.*\n/.test(seen.stderr));
  const lines = seen.stderr.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.find((line) => line["request_id"] === "the-last")).toMatchObject({
    status: 200,
    key: "key-2",
    completion_tokens: 1,
  });
  expect(seen.stderr).not.toMatch(/sk-from|secret/);
});

test("serve speaks https with certificate and key, and refuses what is no pair", async () => {
  const files = (key: string) => ["--tls-cert", join(tls, "cert.pem"), "--tls-key", join(tls, key)];
  const { url, ready } = await serve({}, ...files("key.pem"));
  await ready();
  expect(url).toStartWith("https://127.0.0.1:");
  const response = await fetch(`${url}/readyz`, {
    tls: { ca: await Bun.file(join(tls, "cert.pem")).text() },
  });
  expect(await response.json()).toEqual({ status: "ready" });
  expect(await fetch(`${url}/readyz`).catch((error) => error)).toBeInstanceOf(Error);
  const wrong: [string[], number, string][] = [
    [files("other_key.pem"), 1, "the private key is not the certificate's"],
    [files("cert.pem"), 1, "must be unencrypted PEM"],
    [files("key.pem").slice(0, 2), 2, "only one was given"],
    [files("missing.pem"), 2, "of --tls-key: there is no such file\nCheck its path\n"],
  ];
  for (const [flags, code, reason] of wrong) {
    const { ended, seen } = await serve({}, ...flags);
    expect([await ended, seen.stderr]).toEqual([code, expect.stringContaining(reason)]);
  }
});

test("serve refuses keys and origins that cannot be, and does not show the keys", async () => {
  using folder = new TemporaryFolder();
  const empty = folder.write("empty", "# none\n");
  const wrong: [string[], string][] = [
    [["--api-key", "two words"], "no spaces"],
    [["--api-key", ""], "no spaces"],
    [["--api-key-file", empty], "at least one key"],
    [
      ["--api-key-file", join(empty, "missing")],
      "of --api-key-file: a part of its path is no folder\nCheck its path\n",
    ],
    [["--cors-origin", "https://chat.example/"], "--cors-origin must be an origin"],
    [["--cors-origin", "*"], "--cors-origin must be an origin"],
    [["--log-format", "xml"], "must be text or json"],
  ];
  for (const [flags, reason] of wrong) {
    const { ended, seen } = await serve({}, ...flags);
    expect([flags, await ended, seen.stderr]).toEqual([flags, 2, expect.stringContaining(reason)]);
    expect(seen.stderr).not.toContain("two words");
  }
});

test("serve warns of an open port and of a file of keys that others can read", async () => {
  using folder = new TemporaryFolder();
  const file = folder.write("keys", "sk-1\n");
  const open = await serve({}, "--host", "0.0.0.0");
  expect(open.seen.stderr).toContain("warning: Everybody who reaches this port may ask");
  const { seen } = await serve({}, "--host", "0.0.0.0", "--api-key-file", file);
  expect(seen.stderr).not.toContain("Everybody");
  if (process.platform !== "win32") expect(seen.stderr).toContain("warning: Other users of this machine");
});

test("on SIGTERM serve says draining at once, takes requests for --shutdown-delay and exits with 0 (O06, D48)", async () => {
  const { child, url, ready } = await serve({}, "--shutdown-delay", "1.5");
  await ready();
  child.kill("SIGTERM");
  let status = 200;
  for (let i = 0; i < 100 && status === 200; i++) ({ status } = await fetch(`${url}/readyz`));
  expect(status).toBe(503);
  expect((await ask(url)).status).toBe(200);
  expect(await child.exited).toBe(0);
});

test("serve says as JSON that it has stopped, where its log is JSON", async () => {
  const { child, seen, ended, ready } = await serve({}, "--log-format", "json");
  await ready();
  child.kill("SIGINT");
  expect(await ended).toBe(0);
  expect(JSON.parse(seen.stderr.trim().split("\n").at(-1)!)).toMatchObject({
    level: "info",
    message: "Server stopped",
  });
});

test("on SIGTERM serve cuts what exceeds --shutdown-timeout with an error in the stream, and exits with 0 (O06, D48)", async () => {
  const { child, url, ready } = await serve({ FAKE: "endless" }, "--shutdown-timeout", "0.3");
  await ready();
  const answers = await Promise.all(Array.from({ length: 3 }, () => ask(url, {}, { stream: true })));
  child.kill("SIGTERM");
  for (const answer of answers) {
    const text = await answer.text();
    expect(text).toContain('"code":"shutting_down"');
    expect(text).not.toContain("[DONE]");
  }
  expect(await child.exited).toBe(0);
});

test("serve ends what takes longer than --request-timeout, and holds a client to --max-requests-per-client", async () => {
  const { url, ready } = await serve(
    { FAKE: "endless" },
    "--request-timeout",
    "1",
    "--max-requests-per-client",
    "1",
  );
  await ready();
  const stream = await ask(url, {}, { stream: true });
  const refused = await ask(url);
  expect([refused.status, await refused.json()]).toEqual([429, {
    error: expect.objectContaining({ code: "too_many_requests" }),
  }]);
  expect(await stream.text()).toContain('"code":"deadline_exceeded"');
  const late = await ask(url);
  expect([late.status, late.headers.get("x-should-retry")]).toEqual([504, "false"]);
});
