import { expect, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { emptyStats, observe } from "../../src/engine/stats.ts";
import { answer, until } from "../support/fake_runtime.ts";
import { parseExposition, type ScrapedMetric } from "../support/exposition.ts";
import { chat, question, type TestApp, testApp } from "./support.ts";

async function scrape({ app }: TestApp): Promise<Map<string, ScrapedMetric>> {
  const response = await app.fetch(new Request("http://localhost:8000/metrics"));
  expect([response.status, response.headers.get("content-type")]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
  ]);
  return parseExposition(await response.text());
}

/** The value of a metric's sample with these labels. */
function valueOf(metrics: Map<string, ScrapedMetric>, name: string, labels: object = {}): number | undefined {
  return [...metrics.values()].flatMap(({ samples }) => samples).find((sample) =>
    sample.name === name &&
    Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
  )?.value;
}

test("GET /metrics has the names that routers read by default, with the model's name (D48)", async () => {
  const test = testApp();
  const stats = emptyStats();
  Object.assign(stats, { waiting: 2, running: 3, heldBlocks: 16, promptTokens: 100, cachedTokens: 40 });
  observe(stats.timeToFirstTokenMs, 30);
  observe(stats.interTokenMs, 4);
  observe(stats.interTokenMs, 6);
  test.runtime.stats = stats;
  await test.app.fetch(chat(question));
  const metrics = await scrape(test);
  const expected: [string, number, object?][] = [
    ["vllm:num_requests_running", 3],
    ["vllm:num_requests_waiting", 2],
    ["vllm:kv_cache_usage_perc", 0.25],
    ["vllm:cache_config_info", 1, { block_size: "16", num_gpu_blocks: "64" }],
    ["vllm:prompt_tokens_total", 100],
    ["vllm:generation_tokens_total", 0],
    ["vllm:request_success_total", 1, { finished_reason: "stop" }],
    ["vllm:prefix_cache_queries_total", 100],
    ["vllm:prefix_cache_hits_total", 40],
    ["vllm:time_to_first_token_seconds_count", 1],
    ["vllm:inter_token_latency_seconds_count", 2],
    ["vllm:inter_token_latency_seconds_sum", 0.01],
    ["vllm:time_per_output_token_seconds_count", 2],
    ["vllm:e2e_request_latency_seconds_count", 1],
  ];
  for (const [name, value, labels] of expected) {
    expect([name, valueOf(metrics, name, { model_name: "tiny", ...labels })]).toEqual([name, value]);
  }
  for (const name of metrics.keys()) expect(name).toMatch(/^(llamav_|vllm:|process_)/);
});

test("GET /metrics leaves the other names out where they are not wanted", async () => {
  const metrics = await scrape(testApp(undefined, { vllmMetrics: false }));
  expect([...metrics.keys()].filter((name) => name.startsWith("vllm:"))).toEqual([]);
  expect(metrics.has("llamav_requests_waiting")).toBe(true);
});

test("GET /metrics counts answers by route and status, and never by what a caller wrote", async () => {
  const test = testApp();
  await test.app.fetch(chat(question));
  await test.app.fetch(chat({ ...question, temperature: 3 }));
  await test.app.fetch(new Request("http://localhost:8000/secret/path"));
  await test.app.fetch(new Request("http://localhost:8000/v1/models/tiny"));
  const metrics = await scrape(test);
  const count = (route: string, status: string) =>
    valueOf(metrics, "llamav_http_requests_total", { route, status });
  expect(count("/v1/chat/completions", "200")).toBe(1);
  expect(count("/v1/chat/completions", "400")).toBe(1);
  expect(count("/v1/models/{id}", "200")).toBe(1);
  expect(count("none", "404")).toBe(1);
  expect(JSON.stringify([...metrics])).not.toContain("secret");
});

test("GET /metrics counts how answers end: by reason, refusals by code, and those that clients leave", async () => {
  const scripts = [
    () => [new RequestError("Full", { code: "queue_full" })],
    () => [new Error("boom")],
    () => [...answer("a").slice(0, 2), { waitMs: 60_000 }],
    () => answer("a", "b"),
  ];
  let next = 0;
  const test = testApp(() => scripts[next++]!());
  expect((await test.app.fetch(chat(question))).status).toBe(429);
  expect((await test.app.fetch(chat(question))).status).toBe(500);
  const stream = await test.app.fetch(chat({ ...question, stream: true }));
  const reader = stream.body!.getReader();
  await reader.read();
  await reader.cancel();
  await until(() => test.app.active === 0 && test.runtime.running === 0);
  await (await test.app.fetch(chat({ ...question, stream: true }))).text();
  const metrics = await scrape(test);
  for (const code of ["queue_full", "internal_error", "aborted"]) {
    expect([code, valueOf(metrics, "llamav_unanswered_total", { code })]).toEqual([code, 1]);
  }
  expect(metrics.get("llamav_unanswered_total")!.samples.length).toBe(3);
  expect(valueOf(metrics, "llamav_finished_total", { reason: "stop" })).toBe(1);
  expect(valueOf(metrics, "llamav_request_seconds_count")).toBe(1);
});

test("GET /metrics answers in every state, and says which it is", async () => {
  const test = testApp();
  const state = async () => {
    const samples = (await scrape(test)).get("llamav_state")!.samples;
    return samples.filter(({ value }) => value === 1).map(({ labels }) => labels["state"]);
  };
  expect(await state()).toEqual(["ready"]);
  test.runtime.recovering = true;
  expect(await state()).toEqual(["recovering"]);
  await test.app.drain(0);
  expect(await state()).toEqual(["draining"]);
});
