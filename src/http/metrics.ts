import process from "node:process";
import type { Runtime } from "../runtime/request.ts";
import type { Activity } from "./activity.ts";
import { Exposition, type Sample } from "./prometheus.ts";
import { type Readiness, serverStates } from "./readiness.ts";
import { vllmMetrics } from "./vllm_metrics.ts";

export interface MetricsOptions {
  readonly version: string;
  /** Whether to tell the same under the names that routers read by default. */
  readonly vllm: boolean;
}

const perMillisecond = 1e-3;

/** All metrics, in Prometheus' text format. While the model is loaded there are those of the server only. */
export function metricsText(readiness: Readiness, activity: Activity, options: MetricsOptions): string {
  const out = new Exposition();
  serverMetrics(out, readiness, activity, options);
  const { runtime } = readiness;
  if (runtime === undefined) return out.text();
  loadMetrics(out, runtime);
  engineMetrics(out, runtime);
  cacheMetrics(out, runtime);
  timeMetrics(out, runtime, activity);
  return out.text() + (options.vllm ? vllmMetrics(runtime, activity) : "");
}

function serverMetrics(
  out: Exposition,
  readiness: Readiness,
  activity: Activity,
  { version }: MetricsOptions,
): void {
  const model = readiness.runtime?.model;
  out.gauge("llamav_build_info", "What runs: always 1, the labels tell", [
    1,
    { version, model: model?.id ?? "", device: model?.device ?? "" },
  ]);
  out.gauge(
    "llamav_state",
    "1 for the state that the server is in",
    ...serverStates.map((state): Sample => [
      Number(readiness.state === state),
      { state },
    ]),
  );
  out.counter(
    "llamav_http_requests_total",
    "Requests that were answered, by route, method and status",
    ...[...activity.answered].map(([key, count]): Sample => {
      const [route, method, status] = JSON.parse(key) as [string, string, number];
      return [count, { route, method, status: String(status) }];
    }),
  );
  out.counter(
    "llamav_image_fetches_total",
    "Pictures that requests named by URL: fetched, refused by the server's policy, or failed",
    ...samplesBy("outcome", activity.imageFetches),
  );
  out.gauge("process_resident_memory_bytes", "Memory of the process, without the device's own", [
    process.memoryUsage.rss(),
  ]);
  out.gauge("process_start_time_seconds", "Unix time at which the process was started", [
    Math.round(performance.timeOrigin) / 1000,
  ]);
}

function loadMetrics(out: Exposition, { stats, model }: Runtime): void {
  out.gauge("llamav_requests_waiting", "Requests that wait for their turn", [stats.waiting]);
  out.gauge("llamav_tokens_waiting", "Tokens of the requests that wait, pictures counted", [
    stats.waitingTokens,
  ]);
  out.gauge("llamav_sequences_running", "Answers that are being computed", [stats.running]);
  out.gauge(
    "llamav_device_memory_bytes",
    "Memory that was allocated on the device, by part",
    ...model.memory.map(({ name, bytes }): Sample => [bytes, { part: name }]),
  );
  out.counter("llamav_prompt_tokens_total", "Tokens of prompts, those from the prefix cache included", [
    stats.promptTokens,
  ]);
  out.counter("llamav_generated_tokens_total", "Tokens of answers", [stats.generatedTokens]);
  out.counter("llamav_preemptions_total", "Answers that gave their place to others for a while", [
    stats.preemptions,
  ]);
  out.counter("llamav_steps_total", "Passes through the text model", [stats.steps]);
  out.counter("llamav_step_rows_total", "Tokens that those passes computed", [stats.rows]);
  out.counter("llamav_device_idle_seconds_total", "Time in which the device waited though there was work", [
    stats.idleMs * perMillisecond,
  ]);
}

function engineMetrics(out: Exposition, { counts: { engineLosses }, silentMs }: Runtime): void {
  const { byDevice, byFault, restarts } = engineLosses;
  out.counter(
    "llamav_engine_losses_total",
    "Engines that were lost: by their device or its memory, or by a fault of their own",
    [byDevice, { cause: "device" }],
    [byFault, { cause: "fault" }],
  );
  out.counter("llamav_engine_restarts_total", "Engines that were opened again", [restarts]);
  out.gauge("llamav_engine_silent_seconds", "Time since the engine was asked for a sign of life in vain", [
    silentMs * perMillisecond,
  ]);
}

function cacheMetrics(out: Exposition, { stats, model }: Runtime): void {
  const blocks = Math.floor(model.kvTokens / model.blockSize);
  out.gauge(
    "llamav_kv_blocks",
    "Blocks of the text cache, by what they are used for",
    [stats.heldBlocks, { use: "held" }],
    [stats.cachedBlocks, { use: "cached" }],
    [blocks - stats.heldBlocks - stats.cachedBlocks, { use: "free" }],
  );
  out.counter(
    "llamav_prefix_cache_hit_tokens_total",
    "Tokens of prompts that were found in the prefix cache",
    [
      stats.cachedTokens,
    ],
  );
  out.counter("llamav_image_cache_hits_total", "Pictures that were found in the image cache", [
    stats.imageHits,
  ]);
  out.counter("llamav_image_cache_misses_total", "Pictures that had to be encoded", [stats.imageMisses]);
  out.counter("llamav_image_cache_evictions_total", "Pictures that made room for others", [
    stats.imageEvictions,
  ]);
}

function timeMetrics(out: Exposition, { stats, counts }: Runtime, activity: Activity): void {
  out.histogram("llamav_queue_seconds", "From arrival to the first step", stats.queueMs, perMillisecond);
  out.histogram(
    "llamav_time_to_first_token_seconds",
    "From arrival to the first token",
    stats.timeToFirstTokenMs,
    perMillisecond,
  );
  out.histogram(
    "llamav_inter_token_seconds",
    "From one token of an answer to the next",
    stats.interTokenMs,
    perMillisecond,
  );
  out.histogram(
    "llamav_image_decode_seconds",
    "From a picture's file to the pixels that the model takes, waiting included",
    counts.imageDecodeMs,
    perMillisecond,
  );
  out.histogram(
    "llamav_image_encode_seconds",
    "Pictures through the vision tower",
    stats.imageMs,
    perMillisecond,
  );
  out.histogram(
    "llamav_constraint_compile_seconds",
    "From a schema or grammar to what can be matched, waiting included",
    counts.constraintMs,
    perMillisecond,
  );
  out.histogram("llamav_step_seconds", "Passes through the text model", stats.stepMs, perMillisecond);
  out.histogram(
    "llamav_request_seconds",
    "Whole requests that were answered to the end",
    activity.requestSeconds,
  );
  out.counter(
    "llamav_finished_total",
    "Answers that ended, by reason",
    ...samplesBy("reason", activity.finished),
  );
  out.counter(
    "llamav_unanswered_total",
    "Requests that the model refused or did not answer to the end, by code",
    ...samplesBy("code", activity.failed),
  );
}

function samplesBy(label: string, counts: ReadonlyMap<string, number>): Sample[] {
  return [...counts].map(([name, count]) => [count, { [label]: name }]);
}
