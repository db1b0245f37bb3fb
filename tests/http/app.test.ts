import { expect, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { createLog } from "../../src/base/log.ts";
import { acceptedHosts, isLoopback } from "../../src/http/guard.ts";
import { answer } from "../support/fake_runtime.ts";
import { chat, expectError, json, question, testApp } from "./support.ts";

const at = (path: string, init: RequestInit = {}) => new Request(`http://localhost:8000${path}`, init);

test("GET /health says ok", async () => {
  const { app } = testApp();
  const response = await app.fetch(at("/health"));
  expect([response.status, await response.json()]).toEqual([200, { status: "ok" }]);
});

test("GET /health says failed once the runtime can serve nothing, also while the server stops", async () => {
  const { app, runtime } = testApp();
  runtime.fail(new Error("The device was lost"));
  for (const stopping of [false, true]) {
    if (stopping) await app.drain(0);
    const response = await app.fetch(at("/health"));
    expect([response.status, await response.json()]).toMatchObject([503, { status: "failed" }]);
  }
});

test("GET /health says recovering while the model is loaded again, and draining when the server stops", async () => {
  const { app, runtime } = testApp();
  runtime.recovering = true;
  for (const status of ["recovering", "draining"]) {
    if (status === "draining") await app.drain(0);
    const response = await app.fetch(at("/health"));
    expect([response.status, await response.json()]).toMatchObject([503, { status }]);
  }
});

test("GET /v1/models lists the one model", async () => {
  const { app } = testApp();
  const body = await json(await app.fetch(at("/v1/models")));
  expect(body).toEqual({
    object: "list",
    data: [{
      id: "tiny",
      object: "model",
      created: expect.any(Number),
      owned_by: "llamav",
      max_model_len: 512,
    }],
  });
});

test("GET /v1/models/{id} knows the id, the path as given and default, and nothing else (P13)", async () => {
  const { app } = testApp();
  for (const id of ["tiny", "some/folder/tiny", "some%2Ffolder%2Ftiny", "default"]) {
    expect((await json(await app.fetch(at(`/v1/models/${id}`)))).id).toBe("tiny");
  }
  for (const id of ["tinY", "..%2F..%2Fetc%2Fpasswd", "%", "x".repeat(1000)]) {
    const error = await expectError(await app.fetch(at(`/v1/models/${id}`)), 404);
    expect(error.code).toBe("model_not_found");
  }
});

test("an unknown model is a 404 that names the served one (D5, P13)", async () => {
  const { app, runtime } = testApp();
  for (const model of ["gpt-4", "../../etc/passwd", "m".repeat(1_000_000), "ｔiny"]) {
    const error = await expectError(await app.fetch(chat({ ...question, model })), 404);
    expect(error).toMatchObject({ type: "not_found_error", code: "model_not_found", param: "model" });
    expect(error.message).toEndWith('is not served here; its names are "tiny" and "default"');
    expect(error.message.length).toBeLessThan(200);
  }
  expect(runtime.requests.length).toBe(0);
  // What the operator called it works as well, and is told where it is no folder.
  const demo = testApp(undefined, {}, { id: "llamav-demo", path: "demo" }).app;
  const error = await expectError(await demo.fetch(chat({ ...question, model: "gpt-4" })), 404);
  expect(error.message).toEndWith('its names are "llamav-demo", "demo" and "default"');
});

test("an unknown address is a 404 that lists what exists (D6, H08)", async () => {
  const { app } = testApp();
  for (
    const path of [
      "/",
      "/v1",
      "/V1/models",
      "//v1/models",
      "/v1/models/",
      "/v1/chat/completions/",
      "/v1%2Fmodels",
      "/v1/models;x",
    ]
  ) {
    const error = await expectError(await app.fetch(at(path)), 404);
    expect(error.message).toContain("POST /v1/chat/completions");
  }
});

test("a wrong method is a 405 with Allow, on every route (D6, H09)", async () => {
  const { app } = testApp();
  const { paths } = await json(await app.fetch(at("/openapi.json"))) as {
    paths: Record<string, Record<string, object>>;
  };
  expect(Object.keys(paths).length).toBeGreaterThan(15);
  for (const [template, methods] of Object.entries(paths)) {
    const path = template.replace(/\{\w+\}/, "tiny");
    const allow = Object.keys(methods).map((method) => method.toUpperCase()).join(", ");
    for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]) {
      if (allow.includes(method)) continue;
      const response = await app.fetch(at(path, { method }));
      expect([path, method, response.status, response.headers.get("allow")]).toEqual([
        path,
        method,
        405,
        allow,
      ]);
      await expectError(response, 405);
    }
  }
});

test("foreign hosts, malformed hosts and other sites' pages are refused (K03, K05, K06)", async () => {
  const { app } = testApp(undefined, { hosts: acceptedHosts("127.0.0.1") });
  const get = (headers: Record<string, string>) => app.fetch(at("/v1/models", { headers }));
  await expectError(await get({ host: "rebind.attacker:8080" }), 421);
  await expectError(await get({ host: "localhost.evil" }), 421);
  await expectError(await get({ host: "localhost/v1/models?" }), 400);
  await expectError(await get({ origin: "https://evil.example" }), 403);
  await expectError(await get({ origin: "null" }), 403);
  const preflight = await app.fetch(
    at("/v1/chat/completions", { method: "OPTIONS", headers: { origin: "https://evil" } }),
  );
  expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([403, null]);
  expect((await get({ host: "LOCALHOST:8000" })).status).toBe(200);
  expect((await get({ host: "127.0.0.1:8000", origin: "http://127.0.0.1:8000" })).status).toBe(200);
});

test("a server that others may reach answers to every well-formed name", async () => {
  const { app } = testApp(undefined, { hosts: acceptedHosts("0.0.0.0") });
  expect((await app.fetch(at("/health", { headers: { host: "gpu.lan:8000" } }))).status).toBe(200);
  await expectError(await app.fetch(at("/health", { headers: { host: "a b" } })), 400);
});

test("isLoopback() knows the addresses that stay on this machine", () => {
  expect(["127.0.0.1", "127.8.8.8", "localhost", "::1"].map(isLoopback)).toEqual([true, true, true, true]);
  expect(["0.0.0.0", "::", "192.168.0.1", "127.0.0.1.evil", "localhost.evil"].some(isLoopback)).toBe(false);
  expect(acceptedHosts("127.0.0.2")).toContain("127.0.0.2");
});

test("a request id is echoed when it is harmless, and made otherwise", async () => {
  const { app, logged } = testApp();
  const get = async (headers: Record<string, string>) =>
    (await app.fetch(at("/health", { headers }))).headers.get("x-request-id");
  expect(await get({ "x-request-id": "abc-1.2_3" })).toBe("abc-1.2_3");
  for (const id of ["a b", "x".repeat(129), "é", ""]) {
    expect(await get({ "x-request-id": id })).toMatch(/^req_[0-9a-f]{32}$/);
  }
  expect(logged[0]).toMatch(/^abc-1\.2_3 GET \/health 200 [\d.]+ ms\n$/);
});

test("the log says what was wrong with a request, and nothing that it said (C04)", async () => {
  const lines: string[] = [];
  const { app, logged } = testApp(() => [new RequestError("secret", { code: "too_many_images" })]);
  await app.fetch(chat({ ...question, temperature: 9 }));
  await app.fetch(chat({ ...question, logit_bias: { "my secret": 1 } }));
  await app.fetch(chat("secret"));
  await app.fetch(chat({ ...question, stream: true }));
  expect(logged[0]).toMatch(
    /POST \/v1\/chat\/completions 400 code=invalid_value param=temperature [\d.]+ ms\n$/,
  );
  expect(logged[1]).toMatch(/ 400 code=invalid_value param=logit_bias [\d.]+ ms\n$/);
  expect(logged[2]).toMatch(/ 400 code=invalid_json [\d.]+ ms\n$/);
  expect(logged[3]).toMatch(/ 400 code=too_many_images [\d.]+ ms\n$/);
  expect(logged.join("")).not.toContain("secret");
  const log = createLog((line) => lines.push(line), "info", "json");
  const failing = testApp(
    () => [...answer("a").slice(0, 2), new RequestError("No", { code: "x", param: "y" })],
    {
      log,
    },
  );
  await (await failing.app.fetch(chat({ ...question, stream: true }))).text();
  expect(JSON.parse(lines[0]!)).toMatchObject({ status: 200, error_code: "x", error_param: "y" });
});

test("the log has counts and times, and neither query nor prompt (C04)", async () => {
  const { app, logged } = testApp(() => answer("secret answer"));
  const request = chat({ model: "tiny", messages: [{ role: "user", content: "secret prompt" }] });
  await app.fetch(new Request(`${request.url}?key=secret`, request));
  expect(logged.length).toBe(1);
  expect(logged[0]).toMatch(/POST \/v1\/chat\/completions 200 prompt=21 completion=1 [\d.]+ ms\n$/);
  expect(logged.join("")).not.toContain("secret");
});
