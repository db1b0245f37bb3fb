import { afterEach, expect, setDefaultTimeout, setSystemTime, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { createLog } from "../../src/base/log.ts";
import { limits } from "../../src/http/limits.ts";
import { answer, FakeRuntime, until } from "../support/fake_runtime.ts";
import { parseExposition } from "../support/exposition.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { Servers } from "./servers.ts";
import { chat, eventsOf, json, question, testApp } from "./support.ts";

setDefaultTimeout(testLimitMs);

const servers = new Servers();
afterEach(() => servers.stop());

const endless = () => [...answer("a").slice(0, 2), { waitMs: 60_000 }];
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

/** A chat request whose body is never read to its end, and how much of it was asked for. */
function hungryRequest() {
  const seen = { pulls: 0 };
  const body = new ReadableStream({
    pull(sink) {
      seen.pulls++;
      sink.enqueue(new TextEncoder().encode(" "));
    },
  }, { highWaterMark: 0 });
  return { seen, request: chat("", {}, { body, duplex: "half" } as RequestInit) };
}

async function metric({ app }: ReturnType<typeof testApp>, name: string): Promise<Record<string, number>> {
  const text = await (await app.fetch(new Request("http://localhost:8000/metrics"))).text();
  const samples = parseExposition(text).get(name)?.samples ?? [];
  return Object.fromEntries(samples.map(({ labels, value }) => [Object.values(labels).join(), value]));
}

test("a full queue is a 429 before the body is read (D9, O02)", async () => {
  const test = testApp();
  test.runtime.queueRoom = 0;
  const { request, seen } = hungryRequest();
  const refused = await test.app.fetch(request);
  expect([refused.status, Number(refused.headers.get("retry-after"))]).toEqual([429, 1]);
  expect((await json(refused)).error).toMatchObject({ type: "rate_limit_error", code: "queue_full" });
  expect([seen.pulls, test.runtime.requests.length]).toEqual([0, 0]);
  expect(await metric(test, "llamav_unanswered_total")).toEqual({ queue_full: 1 });
  test.runtime.queueRoom = Infinity;
  expect((await test.app.fetch(chat(question))).status).toBe(200);
});

test("requests whose pictures are being fetched count, so that what is held in memory is bounded (O02)", async () => {
  const leave = Promise.withResolvers<never>();
  const { app } = testApp(undefined, { loadPicture: () => leave.promise });
  const runtime = new FakeRuntime(() => answer("a"), { maxRequests: 3 });
  app.serve(runtime);
  const content = [{ type: "image_url", image_url: { url: "http://pictures.example/x.jpg" } }];
  const waiting = Array.from(
    { length: 3 },
    () => app.fetch(chat({ model: "tiny", messages: [{ role: "user", content }] })),
  );
  const { request, seen } = hungryRequest();
  expect((await app.fetch(request)).status).toBe(429);
  expect(seen.pulls).toBe(0);
  leave.reject(new RequestError("No such picture", { code: "invalid_image_url" }));
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([400, 400, 400]);
  expect((await app.fetch(chat(question))).status).toBe(200);
});

test("a client may have so many requests at a time, whatever it calls its users (O13)", async () => {
  const test = testApp(
    (request) => request.maxTokens === 1 ? answer("a") : endless(),
    { keys: ["sk-a", "sk-b"], maxRequestsPerClient: 2 },
  );
  const { app, runtime } = test;
  const running = ["x", "y"].map((user) => app.fetch(chat({ ...question, user }, bearer("sk-a"))));
  await until(() => runtime.running === 2);
  const refused = await app.fetch(chat({ ...question, user: "z", max_tokens: 1 }, bearer("sk-a")));
  expect([refused.status, Number(refused.headers.get("retry-after")) > 0]).toEqual([429, true]);
  expect((await json(refused)).error).toMatchObject({ type: "rate_limit_error", code: "too_many_requests" });
  expect((await app.fetch(chat({ ...question, max_tokens: 1 }, bearer("sk-b")))).status).toBe(200);
  // What asks for no work is not counted.
  const models = new Request("http://localhost:8000/v1/models", { headers: bearer("sk-a") });
  expect((await app.fetch(models)).status).toBe(200);
  await app.drain(0);
  expect((await Promise.all(running)).map(({ status }) => status)).toEqual([503, 503]);
});

test("an address is a client where no keys are asked for, and every end gives the place back (O01)", async () => {
  const { server, app, runtime } = servers.start(
    (request) => request.maxTokens === 1 ? answer("a") : endless(),
    { maxRequestsPerClient: 1 },
  );
  const ask = (body: object, signal?: AbortSignal) =>
    fetch(`${server.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
  for (const stream of [true, false]) {
    const leaving = new AbortController();
    const left = ask({ ...question, stream }, leaving.signal).then((response) => response.text());
    await until(() => runtime.running === 1);
    expect((await ask(question)).status).toBe(429);
    leaving.abort();
    await left.catch(() => {});
    await until(() => app.active === 0);
    // A refusal, a failure and an answer end as well.
    expect((await ask({ ...question, temperature: 3 })).status).toBe(400);
    expect((await ask({ ...question, max_tokens: 1 })).status).toBe(200);
    await (await ask({ ...question, max_tokens: 1, stream: true })).text();
    await until(() => app.active === 0 && runtime.running === 0);
  }
});

test("the engine's refusal of a queue that is full reaches the admission (O13)", async () => {
  const keys = ["sk-flood", "sk-calm"];
  const full = new RequestError("Tokens", { code: "queue_full" });
  const { app, runtime } = testApp(({ maxTokens }) => maxTokens === 1 ? [full] : endless(), { keys });
  const flood = Array.from({ length: 3 }, () => app.fetch(chat(question, bearer("sk-flood"))));
  await until(() => runtime.running === 3);
  const refused = { ...question, max_tokens: 1 };
  for (const stream of [false, true]) {
    expect((await app.fetch(chat({ ...refused, stream }, bearer("sk-calm")))).status).toBe(429);
    const kept = await json(await app.fetch(chat(question, bearer("sk-flood"))));
    expect(kept.error.message).toContain("are kept for clients");
    const calm = app.fetch(chat({ ...question, stream: true }, bearer("sk-calm")));
    expect((await calm).status).toBe(200);
    await (await calm).body!.cancel();
  }
  await app.drain(0);
  await Promise.all(flood);
});

test("bodies that are announced and do not come keep nobody out, whatever their number (O02)", async () => {
  const { app, runtime } = testApp();
  const silent = (headers: Record<string, string>) =>
    chat("", headers, { body: new ReadableStream(), duplex: "half" } as RequestInit);
  const announced = { "content-length": String(limits.bodyBytes) };
  const count = 2 * limits.bodiesBytes / limits.bodyBytes;
  const waiting = Array.from({ length: count }, (_, i) => app.fetch(silent(i % 2 ? announced : {})));
  expect((await app.fetch(chat(question))).status).toBe(200);
  await app.drain(0);
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array(count).fill(503));
  expect(runtime.requests.length).toBe(1);
});

test("a body that grows past what others leave is a 429, and counts no more (O02)", async () => {
  const page = new Uint8Array(1000).fill(0x20);
  const test = testApp(undefined, { bodiesBytes: 8 * page.length });
  const stalled = () => {
    const progress = { pages: 0, cancelled: false };
    const body = new ReadableStream<Uint8Array>({
      pull: (sink) => progress.pages++ < 2 ? sink.enqueue(page.slice()) : new Promise(() => {}),
      cancel: () => void (progress.cancelled = true),
    }, { highWaterMark: 0 });
    return { progress, answer: test.app.fetch(chat("", {}, { body, duplex: "half" } as RequestInit)) };
  };
  const waiting = [stalled(), stalled()];
  await until(() => waiting.every(({ progress }) => progress.pages === 3));
  const late = stalled();
  const refused = await late.answer;
  expect([refused.status, refused.headers.get("connection")]).toEqual([429, "close"]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await json(refused)).error).toMatchObject({ type: "rate_limit_error", code: "queue_full" });
  expect(late.progress.cancelled).toBe(true);
  expect(await metric(test, "llamav_unanswered_total")).toEqual({ queue_full: 1 });
  await test.app.drain(0);
  for (const { answer } of waiting) expect((await answer).status).toBe(503);
});

test("an answer that takes longer than --request-timeout ends with a 504, or with an error in its stream", async () => {
  const quick = testApp(endless, { requestSeconds: 0.05 });
  const whole = await quick.app.fetch(chat(question));
  expect([whole.status, whole.headers.get("x-should-retry")]).toEqual([504, "false"]);
  expect((await json(whole)).error).toMatchObject({ type: "timeout_error", code: "deadline_exceeded" });
  // Time enough for its first piece: before it, this would be a 504, too.
  const { app, runtime, logged } = testApp(endless, { requestSeconds: 0.5 });
  const streamed = await app.fetch(chat({ ...question, stream: true }));
  const events = eventsOf(await streamed.text());
  expect(events.at(-1)).toMatchObject({ error: { type: "timeout_error", code: "deadline_exceeded" } });
  await until(() => [quick, { runtime }].every(({ runtime }) => runtime.running === 0));
  expect([...quick.logged, ...logged].map((line) => /(504|200 \(error\))/.exec(line)?.[1]))
    .toEqual(["504", "200 (error)"]);
});

test("a request that hangs in the server itself is answered with a 504 all the same", async () => {
  const { app } = testApp(undefined, { requestSeconds: 0.05, loadPicture: () => new Promise(() => {}) });
  const content = [{ type: "image_url", image_url: { url: "http://pictures.example/x.jpg" } }];
  const response = await app.fetch(chat({ model: "tiny", messages: [{ role: "user", content }] }));
  expect(response.status).toBe(504);
  expect(app.active).toBe(0);
});

test("the engine's own deadline is a 504, too", async () => {
  const { app } = testApp(() => [new RequestError("Too long", { code: "deadline_exceeded" })]);
  const response = await app.fetch(chat(question));
  expect([response.status, response.headers.get("x-should-retry")]).toEqual([504, "false"]);
});

test("an engine that gives no sign of life fails /livez and /readyz, later on a CPU (O16)", async () => {
  const { app } = testApp();
  const probe = async (runtime: FakeRuntime, seconds: number) => {
    app.serve(runtime);
    runtime.silentMs = seconds * 1000;
    const answers = await Promise.all(
      ["livez", "readyz"].map((path) => app.fetch(new Request(`http://localhost:8000/${path}`))),
    );
    return Promise.all(answers.map(async (response) => [response.status, (await json(response)).status]));
  };
  const gpu = new FakeRuntime(() => []);
  const cpu = new FakeRuntime(() => [], { isCpu: true });
  const well = [[200, "ok"], [200, "ready"]];
  const hung = [[500, "hung"], [503, "hung"]];
  expect([await probe(gpu, 29), await probe(gpu, 30)]).toEqual([well, hung]);
  expect([await probe(cpu, 30), await probe(cpu, 599), await probe(cpu, 600)]).toEqual([well, well, hung]);
  const impatient = testApp(undefined, { hungSeconds: 2 });
  impatient.runtime.silentMs = 2000;
  expect((await impatient.app.fetch(new Request("http://localhost:8000/livez"))).status).toBe(500);
});

test("pictures that are named by URL are counted by what came of them (D48)", async () => {
  const test = testApp(undefined, {
    loadPicture(url) {
      if (url.includes("private")) {
        return Promise.reject(new RequestError("No", { code: "image_url_not_allowed" }));
      }
      if (url.includes("gone")) return Promise.reject(new RequestError("No", { code: "invalid_image_url" }));
      return Promise.resolve(Uint8Array.of(1));
    },
  });
  const urls = [
    "http://a.example/1",
    "http://private/1",
    "http://private/2",
    "http://gone/",
    "data:image/png,x",
  ];
  for (const url of urls) {
    const content = [{ type: "image_url", image_url: { url } }];
    await test.app.fetch(chat({ model: "tiny", messages: [{ role: "user", content }] }));
  }
  expect(await metric(test, "llamav_image_fetches_total")).toEqual({ fetched: 1, refused: 2, failed: 1 });
});

test("losses of the engine and times of pictures are told (O04)", async () => {
  const test = testApp();
  test.runtime.counts = {
    ...test.runtime.counts,
    engineLosses: { byDevice: 2, byFault: 1, restarts: 3 },
  };
  test.runtime.silentMs = 1500;
  expect(await metric(test, "llamav_engine_losses_total")).toEqual({ device: 2, fault: 1 });
  expect(await metric(test, "llamav_engine_restarts_total")).toEqual({ "": 3 });
  expect(await metric(test, "llamav_engine_silent_seconds")).toEqual({ "": 1.5 });
  for (const what of ["image_decode", "image_encode", "constraint_compile"]) {
    const name = `llamav_${what}_seconds`;
    expect(Object.keys(await metric(test, name))).not.toEqual([]);
  }
});

test("the trace of a well-formed traceparent goes to the log, and nothing of another", async () => {
  const lines: string[] = [];
  const { app } = testApp(undefined, { log: createLog((line) => lines.push(line), "info", "json") });
  const id = "4bf92f3577b34da6a3ce929d0e0e4736";
  const headers = [
    `00-${id}-00f067aa0ba902b7-01`,
    `cc-${id}-00f067aa0ba902b7-01-more`,
    `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
    `00-${id}-${"0".repeat(16)}-01`,
    `ff-${id}-00f067aa0ba902b7-01`,
    `00-${id.toUpperCase()}-00f067aa0ba902b7-01`,
    "secret",
  ];
  for (const traceparent of headers) await app.fetch(chat(question, { traceparent }));
  expect(lines.map((line) => JSON.parse(line)["trace_id"])).toEqual([id, id, ...Array(5).fill(undefined)]);
  expect(lines[0]).toContain(` trace=${id} `);
  expect(lines.join("")).not.toContain("secret");
});

test("a clock that jumps by an hour moves no limit (O15)", async () => {
  const { app, runtime } = testApp(
    () => [...answer("a").slice(0, 2), { waitMs: 300 }, ...answer("a").slice(2)],
    { requestSeconds: 20, keepAliveMs: 10_000, stallMs: 10_000 },
  );
  const asked = [false, true].map((stream) => app.fetch(chat({ ...question, stream })));
  await until(() => runtime.running === 2);
  for (const hours of [1, -1]) {
    setSystemTime(new Date(Date.now() + hours * 3_600_000));
    await Bun.sleep(50);
  }
  const [whole, streamed] = await Promise.all(asked);
  setSystemTime();
  expect((await json(whole!)).choices[0].message.content).toBe("a");
  const text = await streamed!.text();
  expect([text.includes("keep-alive"), text.endsWith("[DONE]\n\n")]).toEqual([false, true]);
});

test("a request that is given up keeps its place while work on it goes on (O01)", async () => {
  const picture = Promise.withResolvers<Uint8Array>();
  let loading = false;
  const loadPicture = () => (loading = true, picture.promise);
  const { app } = testApp(undefined, { maxRequestsPerClient: 1, loadPicture });
  const content = [{ type: "image_url", image_url: { url: "http://pictures.example/x.jpg" } }];
  const leaving = new AbortController();
  const body = { model: "tiny", messages: [{ role: "user", content }] };
  const left = app.fetch(chat(body, {}, { signal: leaving.signal }));
  await until(() => loading);
  leaving.abort();
  expect([(await left).status, app.active]).toEqual([499, 0]);
  expect((await app.fetch(chat(question))).status).toBe(429);
  picture.resolve(Uint8Array.of(1));
  let status = 429;
  for (let i = 0; i < 100 && status === 429; i++) ({ status } = await app.fetch(chat(question)));
  expect(status).toBe(200);
});
