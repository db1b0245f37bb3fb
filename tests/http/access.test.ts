import { expect, spyOn, test } from "bun:test";
import * as crypto from "node:crypto";
import { acceptedHosts } from "../../src/http/guard.ts";
import { ApiKeys } from "../../src/http/keys.ts";
import { chat, json, question, testApp } from "./support.ts";

const keys = ["sk-first-key", "sk-second-key"];
const address = "http://localhost:8000";
const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  new Request(`${address}${path}`, { method, headers });

test("every wrong key gets the same 401, and the right ones are accepted in both headers (D7, K01)", async () => {
  const { app, runtime } = testApp(undefined, { keys });
  const wrong: Record<string, string>[] = [
    {},
    { authorization: "" },
    { authorization: "Bearer" },
    { authorization: "Bearer " },
    { authorization: "Bearer sk-first-ke" },
    { authorization: "Bearer sk-first-key2" },
    { authorization: "Bearer SK-FIRST-KEY" },
    { authorization: `Bearer ${keys[0]}, Bearer ${keys[1]}` },
    { authorization: "Bearer é" },
    { authorization: `Basic ${btoa(`user:${keys[0]}`)}` },
    { authorization: keys[0]! },
    { "x-api-key": "" },
    { "x-api-key": "sk-third-key" },
    { authorization: "Bearer wrong", "x-api-key": keys[0]! },
  ];
  const answers = await Promise.all(wrong.map(async (headers) => {
    const response = await app.fetch(chat(question, headers));
    return [response.status, response.headers.get("www-authenticate"), await response.text()];
  }));
  expect(answers[0]).toEqual([401, "Bearer", expect.stringContaining('"type":"authentication_error"')]);
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(runtime.requests.length).toBe(0);
  for (const key of keys) {
    const shown: Record<string, string>[] = [{ authorization: `Bearer ${key}` }, { "x-api-key": key }];
    for (const headers of shown) {
      expect((await app.fetch(chat(question, headers))).status).toBe(200);
    }
  }
});

test("without a key only the probes answer, whatever the address and the method (K04, H08)", async () => {
  const { app } = testApp(undefined, { keys });
  const { paths } = await json(
    await app.fetch(get("/openapi.json", { authorization: `Bearer ${keys[0]}` })),
  ) as { paths: Record<string, object> };
  const addresses = [...Object.keys(paths), "/", "/v1", "//v1/models", "/v1/models/", "/admin"];
  expect(addresses.length).toBeGreaterThan(15);
  const open = new Set<string>();
  for (const path of addresses) {
    for (const method of ["GET", "POST", "OPTIONS", "HEAD"]) {
      const { status } = await app.fetch(get(path, {}, method));
      if (status !== 401) open.add(`${method} ${path} ${status}`);
    }
  }
  expect([...open].sort()).toEqual(["GET /health 200", "GET /livez 200", "GET /readyz 200"]);
  const metrics = await testApp(undefined, { keys, publicMetrics: true }).app.fetch(get("/metrics"));
  expect(metrics.status).toBe(200);
});

test("a key in the query or the body is no key, and is not logged (K07)", async () => {
  const { app, logged } = testApp(undefined, { keys });
  const inQuery = new Request(`${address}/v1/models?api_key=${keys[0]}&key=${keys[0]}`);
  expect((await app.fetch(inQuery)).status).toBe(401);
  expect((await app.fetch(chat({ ...question, api_key: keys[0] }))).status).toBe(401);
  expect((await app.fetch(chat(question, { authorization: `Bearer ${keys[1]}` }))).status).toBe(200);
  expect(logged.length).toBe(3);
  expect(logged.join("")).not.toContain("sk-");
  expect(logged[2]).toContain(" key-2 ");
});

test("ApiKeys.check() looks at every key, in any order of them, and lets all in where there is none (K02)", () => {
  const many = Array.from({ length: 50 }, (_, i) => `key-of-user-${i}`);
  const check = (own: readonly string[], key: string) =>
    new ApiKeys(own).check(new Headers({ authorization: `Bearer ${key}` }));
  expect(many.map((key) => check(many, key))).toEqual(many.map((_, i) => `key-${i + 1}`));
  expect(() => check(many, "key-of-user-")).toThrow("This server needs a key");
  expect(check([], "anything")).toBeUndefined();
});

// A hundred thousand timed guesses would say little on a machine that others share, and nothing on a quick one. What
// they look for is impossible by construction, and that can be seen: a guess is never compared, only its digest, whose
// bytes its author cannot choose; digests are of one length; `timingSafeEqual` looks at all of it, at every key's.
test("a guess takes the same comparisons, however much of a key it has right (K02)", () => {
  const own = new ApiKeys(keys);
  const compare = spyOn(crypto, "timingSafeEqual");
  const guesses = [
    "",
    "s",
    "sk-first-ke",
    "sk-first-keys",
    "sk-first-key",
    "sk-second-key",
    "x".repeat(4000),
  ];
  const compared = guesses.map((key) => {
    compare.mockClear();
    try {
      own.check(new Headers({ "x-api-key": key }));
    } catch (error) {
      expect((error as Error).message).toStartWith("This server needs a key");
    }
    return compare.mock.calls.map((pair) => pair.map(({ byteLength }) => byteLength));
  });
  compare.mockRestore();
  // Digests of one length, every one of them, also behind the one that fits.
  expect(compared).toEqual(guesses.map(() => [[32, 32], [32, 32]]));
});

test("a page of a listed origin may ask and read, any other may not (K05)", async () => {
  const { app } = testApp(undefined, { keys, origins: ["https://chat.example"] });
  const preflight = (origin: string) =>
    app.fetch(get("/v1/chat/completions", {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization, content-type,x-stainless-os, b\u00e4d",
    }, "OPTIONS"));
  const allowed = await preflight("https://chat.example");
  expect([allowed.status, await allowed.text()]).toEqual([204, ""]);
  expect(Object.fromEntries(allowed.headers)).toMatchObject({
    "access-control-allow-origin": "https://chat.example",
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, content-type, x-stainless-os",
    vary: "origin",
  });
  const authorization = `Bearer ${keys[0]}`;
  const answer = await app.fetch(chat(question, { origin: "https://chat.example", authorization }));
  expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([
    200,
    "https://chat.example",
  ]);
  const refusal = await app.fetch(chat(question, { origin: "https://chat.example" }));
  expect([refusal.status, refusal.headers.get("access-control-allow-origin")]).toEqual([
    401,
    "https://chat.example",
  ]);
  for (
    const origin of [
      "https://evil.example",
      "http://chat.example",
      "https://chat.example:444",
      "https://chat.example.evil",
      "https://CHAT.example",
      "null",
    ]
  ) {
    for (
      const response of [await preflight(origin), await app.fetch(chat(question, { origin, authorization }))]
    ) {
      expect([origin, response.status, response.headers.get("access-control-allow-origin")]).toEqual([
        origin,
        403,
        null,
      ]);
    }
  }
});

test("without listed origins no answer speaks of them (K05)", async () => {
  const { app } = testApp();
  const { headers } = await app.fetch(chat(question));
  expect([...headers.keys()].filter((name) => name.startsWith("access-control") || name === "vary")).toEqual(
    [],
  );
});

test("acceptedHosts() adds the operator's names to this machine's, and stands alone elsewhere (K06)", async () => {
  expect(acceptedHosts("127.0.0.1", ["Llama.LAN"])).toEqual([...acceptedHosts("127.0.0.1")!, "llama.lan"]);
  expect(acceptedHosts("0.0.0.0", ["llama.lan"])).toEqual(["llama.lan"]);
  const { app } = testApp(undefined, { hosts: acceptedHosts("0.0.0.0", ["llama.lan"]) });
  expect((await app.fetch(get("/livez", { host: "llama.lan:8000" }))).status).toBe(200);
  const refused = await app.fetch(get("/livez", { host: "127.0.0.1:8000" }));
  expect([refused.status, (await json(refused)).error.code]).toEqual([421, "host_not_allowed"]);
});

test("a refusal before routing has a request id and a log line like every answer (K03)", async () => {
  const { app, logged } = testApp(undefined, { hosts: acceptedHosts("127.0.0.1") });
  const response = await app.fetch(get("/health", { host: "evil.example", "x-request-id": "mine" }));
  expect([response.status, response.headers.get("x-request-id")]).toEqual([421, "mine"]);
  expect(logged).toEqual([expect.stringMatching(/^mine GET \/health 421 /)]);
});
