import { expect, test } from "bun:test";
import { createLog, silentLog } from "../../src/base/log.ts";
import { createApp } from "../../src/http/app.ts";
import { DrainRate } from "../../src/http/drain_rate.ts";
import { parseExposition } from "../support/exposition.ts";
import { answer, FakeRuntime, until } from "../support/fake_runtime.ts";
import { chat, json, question, testApp } from "./support.ts";

const at = (path: string) => new Request(`http://localhost:8000${path}`);

function loadingApp() {
  return createApp({
    log: silentLog,
    version: "1.2.3",
    loadPicture: () => Promise.reject(new Error("None")),
  });
}

/** Statuses and bodies of the probes. */
async function probes(app: { fetch(request: Request): Promise<Response> }) {
  const tell = async (path: string) => {
    const response = await app.fetch(at(path));
    return [response.status, await response.json()];
  };
  return { livez: await tell("/livez"), readyz: await tell("/readyz"), health: await tell("/health") };
}

/** The error of the API beside the state that a probe tells (D2). */
const error = (code: string) => ({ message: expect.any(String), type: "api_error", param: null, code });

test("while the model is loaded the probes say how far, and questions get a 503 with Retry-After (D10)", async () => {
  const app = loadingApp();
  app.loaded(0.425);
  const loading = { status: "loading", progress: 0.42, error: error("model_loading") };
  expect(await probes(app)).toEqual({
    livez: [200, { status: "ok" }],
    readyz: [503, loading],
    health: [503, loading],
  });
  for (const request of [chat(question), chat("no JSON"), at("/v1/models"), at("/models/tiny")]) {
    const response = await app.fetch(request);
    expect([response.status, Number(response.headers.get("retry-after"))]).toEqual([503, expect.any(Number)]);
    expect(Number(response.headers.get("retry-after"))).toBeWithin(1, 61);
    expect((await json(response)).error).toMatchObject({ type: "api_error", code: "model_loading" });
  }
  expect((await app.fetch(at("/nowhere"))).status).toBe(404);
  const metrics = parseExposition(await (await app.fetch(at("/metrics"))).text());
  expect([metrics.has("llamav_state"), metrics.has("llamav_requests_waiting")]).toEqual([true, false]);
  expect(await json(await app.fetch(at("/version")))).toEqual({ version: "1.2.3" });
  app.serve(new FakeRuntime(() => answer("ready")));
  expect(await probes(app)).toEqual({
    livez: [200, { status: "ok" }],
    readyz: [200, { status: "ready" }],
    health: [200, { status: "ok" }],
  });
  expect((await app.fetch(chat(question))).status).toBe(200);
});

test("a model that is loaded again refuses questions with Retry-After until it is there", async () => {
  const { app, runtime } = testApp();
  runtime.recovering = true;
  const refused = await app.fetch(chat(question));
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
  expect((await probes(app)).readyz).toEqual([503, { status: "recovering", error: error("model_loading") }]);
  expect((await probes(app)).livez).toEqual([200, { status: "ok" }]);
  runtime.recovering = false;
  expect((await app.fetch(chat(question))).status).toBe(200);
});

test("a model that is lost for good fails the liveness probe, so that somebody starts the process again", async () => {
  const { app, runtime } = testApp();
  runtime.fail(new Error("The device was lost"));
  expect(await probes(app)).toEqual({
    livez: [500, { status: "failed", error: error("model_lost") }],
    readyz: [503, { status: "failed", error: error("model_lost") }],
    health: [503, { status: "failed", error: error("model_lost") }],
  });
});

test("App.leave() tells the probes and goes on answering; App.drain() refuses (O06)", async () => {
  const { app } = testApp();
  app.leave();
  expect((await probes(app)).readyz).toEqual([503, { status: "draining", error: error("shutting_down") }]);
  expect((await app.fetch(chat(question))).status).toBe(200);
  await app.drain(0);
  const refused = await app.fetch(chat(question));
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
  expect((await json(refused)).error.code).toBe("shutting_down");
  expect((await probes(app)).livez).toEqual([200, { status: "ok" }]);
});

test("a full queue is a 429 that asks for the time in which the queue moves on (D9)", async () => {
  const runtime = new FakeRuntime(() => [{ waitMs: 60_000 }], {}, 3);
  const app = loadingApp();
  app.serve(runtime);
  const running = Array.from({ length: 3 }, () => app.fetch(chat(question)));
  await until(() => runtime.running === 3);
  await Bun.sleep(400);
  const refused = await app.fetch(chat(question));
  expect(refused.status).toBe(429);
  expect((await json(refused)).error).toMatchObject({ type: "rate_limit_error", code: "queue_full" });
  // Three requests are here, and none was completed in 0.4 s and more: 1.2 s and more.
  expect(Number(refused.headers.get("retry-after"))).toBeWithin(2, 61);
  await app.drain(0);
  expect((await Promise.all(running)).map(({ status }) => status)).toEqual([503, 503, 503]);
});

test("DrainRate.retryAfter() is the number of requests over the rate of the last minute", () => {
  let now = 1000;
  const rate = new DrainRate(() => now);
  const start = (count: number) => Array.from({ length: count }).forEach(() => rate.started());
  const end = (count: number, completed: boolean) =>
    Array.from({ length: count }).forEach(() => rate.ended(completed));
  expect(rate.retryAfter()).toBe(1);
  start(2);
  now += 4000;
  // Nothing was completed in 4 s: one answer takes at least as long.
  expect(rate.retryAfter()).toBe(8);
  start(28);
  end(10, true);
  // 10 in 4 s, and 20 are left.
  expect(rate.retryAfter()).toBe(8);
  end(10, false);
  expect(rate.retryAfter()).toBe(4);
  start(1000);
  expect(rate.retryAfter()).toBe(60);
  end(1000, false);
  now += 120_000;
  expect(rate.retryAfter()).toBe(60);
  end(10, true);
  expect(rate.retryAfter()).toBe(1);
  // Idle for long: what is measured is the new work, not the pause before it.
  now += 600_000;
  start(3);
  now += 1000;
  expect(rate.retryAfter()).toBe(3);
});

test("a request's line in the JSON log has its numbers and no text of it (C04)", async () => {
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line), "info", "json");
  const { app } = testApp(() => answer("secret answer"), { log, keys: ["sk-secret"] });
  const body = { model: "tiny", messages: [{ role: "user", content: "secret prompt" }], user: "secret user" };
  await app.fetch(chat(body, { authorization: "Bearer sk-secret", "x-request-id": "r-1" }));
  expect(lines.join("")).not.toContain("secret");
  expect(JSON.parse(lines[0]!)).toMatchObject({
    level: "info",
    request_id: "r-1",
    key: "key-1",
    method: "POST",
    path: "/v1/chat/completions",
    status: 200,
    prompt_tokens: 21,
    completion_tokens: 1,
    prefill_ms: 12.5,
    duration_ms: expect.any(Number),
  });
});
