import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { startServer } from "../../src/http/server.ts";
import { testApp } from "../http/support.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { cli } from "./support.ts";

setDefaultTimeout(testLimitMs);

const key = "k-secret";
const open = startServer(testApp().app, "127.0.0.1", 0);
const guarded = startServer(testApp(undefined, { keys: [key] }).app, "127.0.0.1", 0);
const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });

afterAll(async () => {
  await Promise.all([open.stop(0), guarded.stop(0), other.stop(true)]);
});

test("ps tells model, device, load and uptime of a running server", async () => {
  const { code, stdout } = await cli(["ps", String(open.url)]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^server +http:\/\/127\.0\.0\.1:\d+, llamav 1\.2\.3, ready$/m);
  expect(stdout).toMatch(/^answers +\d+ running, \d+ waiting$/m);
  expect(stdout).toMatch(/^uptime /m);
  const { servers } = JSON.parse((await cli(["ps", String(open.url), "--json"])).stdout);
  expect(servers).toMatchObject([{ state: "ready", model: "tiny", version: "1.2.3" }]);
  expect(servers[0].contextLength).toBeGreaterThan(0);
});

test("ps finds the server of --host and --port, and gives its key", async () => {
  const { port } = new URL(guarded.url);
  const env = { LLAMAV_PORT: port };
  const refused = await cli(["ps"], { env });
  expect(refused.code).toBe(4);
  expect(refused.stderr).toContain("asks for a key\nGive it with --api-key-file\n");
  expect((await cli(["ps", "--host", "0.0.0.0"], { env: { ...env, LLAMAV_API_KEY: key } })).code).toBe(0);
});

test("ps has an exit code for a server that is not there, or is none of ours", async () => {
  const nobody = await cli(["ps", "http://127.0.0.1:9"]);
  expect([nobody.code, nobody.stdout]).toEqual([8, ""]);
  expect(nobody.stderr).toContain("Start one with llamav serve");
  expect((await cli(["ps", other.url.href])).code).toBe(8);
  for (const url of ["ftp://x", "8000", "http://", "a b"]) {
    const { code, stderr } = await cli(["ps", url]);
    expect(code).toBe(2);
    expect(stderr).toContain(
      `URL must be an http(s) address or HOST:PORT, not "${url}"\nWrite it as serve prints it`,
    );
  }
});

test("ps takes an address without its scheme", async () => {
  const { host } = new URL(open.url);
  expect(await cli(["ps", host])).toMatchObject({ code: 0, stderr: "" });
  expect((await cli(["ps", "localhost:9"])).code).toBe(8);
});

test("ps comes to an end with a server that wants to hold it up", async () => {
  const build = 'llamav_build_info{version="1",model="m",device="d"} 1\n';
  const endless = new ReadableStream<Uint8Array>({ pull: (to) => to.enqueue(new Uint8Array(1 << 20)) });
  const notModels = ["null", "<html>", '{"data":[{"max_model_len":"x"}]}'];
  using hostile = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) =>
      new Response(
        url.endsWith("/v1/models") ? notModels.pop()! : `${build}x{${"a".repeat(3 << 20)}} 1\n`,
      ),
  });
  while (notModels.length > 0) {
    expect(await cli(["ps", hostile.url.href])).toMatchObject({ code: 0, stderr: "" });
  }
  using flood = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(endless) });
  expect((await cli(["ps", flood.url.href])).code).toBe(8);
});

test("ps tells of a server that says nothing in words for people", async () => {
  await using silent = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 60,
    fetch: () => new Promise<Response>(() => {}),
  });
  const { code, stderr } = await cli(["ps", silent.url.href]);
  expect(code).toBe(8);
  expect(stderr).toContain("it says nothing in 10 s\n");
});
