import { expect, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { emptyStats, observe } from "../../src/engine/stats.ts";
import { emptyCounts } from "../../src/runtime/counts.ts";
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

/** Stats in which no two numbers are alike, and each histogram has two values. */
function filledStats() {
  const stats = emptyStats();
  Object.assign(stats, {
    waiting: 2,
    waitingTokens: 300,
    running: 3,
    promptTokens: 100,
    cachedTokens: 40,
    generatedTokens: 70,
    preemptions: 5,
    imageHits: 6,
    imageMisses: 7,
    imageEvictions: 8,
    heldBlocks: 16,
    cachedBlocks: 9,
    steps: 11,
    rows: 120,
    idleMs: 1500,
  });
  const { queueMs, timeToFirstTokenMs, interTokenMs, imageMs, stepMs } = stats;
  for (const [at, histogram] of [queueMs, timeToFirstTokenMs, interTokenMs, imageMs, stepMs].entries()) {
    for (const value of [1000, 1000 * (at + 1)]) observe(histogram, value);
  }
  return stats;
}

/** Name, type and value; of a histogram its sum in seconds, of two values each. */
const ownNames: [string, ScrapedMetric["type"], number, object?][] = [
  ["llamav_build_info", "gauge", 1, { version: "1.2.3", model: "tiny", device: "fake device" }],
  ["llamav_state", "gauge", 1, { state: "ready" }],
  ["llamav_http_requests_total", "counter", 1, { route: "/v1/chat/completions", status: "200" }],
  ["llamav_image_fetches_total", "counter", 1, { outcome: "fetched" }],
  ["llamav_requests_waiting", "gauge", 2],
  ["llamav_tokens_waiting", "gauge", 300],
  ["llamav_sequences_running", "gauge", 3],
  ["llamav_device_memory_bytes", "gauge", 28_400_000, { part: "weights" }],
  ["llamav_prompt_tokens_total", "counter", 100],
  ["llamav_generated_tokens_total", "counter", 70],
  ["llamav_preemptions_total", "counter", 5],
  ["llamav_steps_total", "counter", 11],
  ["llamav_step_rows_total", "counter", 120],
  ["llamav_device_idle_seconds_total", "counter", 1.5],
  ["llamav_engine_losses_total", "counter", 12, { cause: "device" }],
  ["llamav_engine_losses_total", "counter", 13, { cause: "fault" }],
  ["llamav_engine_restarts_total", "counter", 14],
  ["llamav_engine_silent_seconds", "gauge", 0.25],
  ["llamav_kv_blocks", "gauge", 16, { use: "held" }],
  ["llamav_kv_blocks", "gauge", 9, { use: "cached" }],
  ["llamav_kv_blocks", "gauge", 64 - 16 - 9, { use: "free" }],
  ["llamav_prefix_cache_hit_tokens_total", "counter", 40],
  ["llamav_image_cache_hits_total", "counter", 6],
  ["llamav_image_cache_misses_total", "counter", 7],
  ["llamav_image_cache_evictions_total", "counter", 8],
  ["llamav_queue_seconds", "histogram", 2],
  ["llamav_time_to_first_token_seconds", "histogram", 3],
  ["llamav_inter_token_seconds", "histogram", 4],
  ["llamav_image_encode_seconds", "histogram", 5],
  ["llamav_step_seconds", "histogram", 6],
  ["llamav_image_decode_seconds", "histogram", 7],
  ["llamav_constraint_compile_seconds", "histogram", 8],
  ["llamav_finished_total", "counter", 1, { reason: "stop" }],
  ["llamav_unanswered_total", "counter", 1, { code: "queue_full" }],
];

test("GET /metrics tells every number of the server under its own name, by its type and in its unit (D48)", async () => {
  let asked = 0;
  const test = testApp(() =>
    asked++ === 0 ? answer("a") : [new RequestError("Full", { code: "queue_full" })]
  );
  test.runtime.stats = filledStats();
  test.runtime.silentMs = 250;
  const counts = emptyCounts();
  for (const [histogram, second] of [[counts.imageDecodeMs, 6000], [counts.constraintMs, 7000]] as const) {
    for (const value of [1000, second]) observe(histogram, value);
  }
  test.runtime.counts = { ...counts, engineLosses: { byDevice: 12, byFault: 13, restarts: 14 } };
  const content = [{ type: "image_url", image_url: { url: "http://pictures.example/a.png" } }];
  await test.app.fetch(chat({ model: "tiny", messages: [{ role: "user", content }] }));
  await test.app.fetch(chat(question));
  const metrics = await scrape(test);
  for (const [name, type, value, labels] of ownNames) {
    expect([name, metrics.get(name)?.type]).toEqual([name, type]);
    const sample = type === "histogram" ? `${name}_sum` : name;
    expect([name, valueOf(metrics, sample, labels)]).toEqual([name, value]);
    if (type === "histogram") expect([name, valueOf(metrics, `${name}_count`)]).toEqual([name, 2]);
  }
  // The time of whole requests is the server's own to measure.
  expect(valueOf(metrics, "llamav_request_seconds_count")).toBe(1);
  const named = new Set([...ownNames.map(([name]) => name), "llamav_request_seconds"]);
  expect([...metrics.keys()].filter((name) => name.startsWith("llamav_")).toSorted()).toEqual(
    [...named].toSorted(),
  );
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
