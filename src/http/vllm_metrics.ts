import type { Runtime } from "../runtime/request.ts";
import type { Activity } from "./activity.ts";
import { Exposition, type Sample } from "./prometheus.ts";

const perMillisecond = 1e-3;

/** The numbers that the Gateway API Inference Extension and llm-d read, under the names that they look for. */
export function vllmMetrics({ stats, model }: Runtime, activity: Activity): string {
  const blocks = Math.floor(model.kvTokens / model.blockSize);
  const out = new Exposition({ model_name: model.id });
  out.gauge("vllm:num_requests_running", "Answers that are being computed", [stats.running]);
  out.gauge("vllm:num_requests_waiting", "Requests that wait for their turn", [stats.waiting]);
  out.gauge("vllm:kv_cache_usage_perc", "Share of the text cache that answers hold, 0 to 1", [
    blocks > 0 ? stats.heldBlocks / blocks : 0,
  ]);
  out.gauge("vllm:cache_config_info", "Sizes of the text cache: always 1, the labels tell", [
    1,
    { block_size: String(model.blockSize), num_gpu_blocks: String(blocks) },
  ]);
  out.counter("vllm:prompt_tokens_total", "Tokens of prompts", [stats.promptTokens]);
  out.counter("vllm:generation_tokens_total", "Tokens of answers", [stats.generatedTokens]);
  out.counter(
    "vllm:request_success_total",
    "Answers that ended, by reason",
    ...[...activity.finished].map(([reason, count]): Sample => [count, { finished_reason: reason }]),
  );
  out.counter("vllm:prefix_cache_queries_total", "Tokens of prompts that were looked for", [
    stats.promptTokens,
  ]);
  out.counter("vllm:prefix_cache_hits_total", "Tokens of prompts that were found", [stats.cachedTokens]);
  out.histogram(
    "vllm:time_to_first_token_seconds",
    "From arrival to the first token",
    stats.timeToFirstTokenMs,
    perMillisecond,
  );
  // One thing under its present and its former name.
  for (const name of ["inter_token_latency", "time_per_output_token"]) {
    out.histogram(
      `vllm:${name}_seconds`,
      "From one token of an answer to the next",
      stats.interTokenMs,
      perMillisecond,
    );
  }
  out.histogram("vllm:e2e_request_latency_seconds", "Whole requests", activity.requestSeconds);
  return out.text();
}
