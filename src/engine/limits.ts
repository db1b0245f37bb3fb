import { DeviceError, RequestError } from "../base/errors.ts";
import type { Device } from "../gpu/device.ts";
import type { MllamaConfig } from "../model/config.ts";
import type { MemoryPlan } from "../model/plan.ts";
import type { EngineOptions } from "./protocol.ts";
import { checkRunner, planRunner, type RunnerLimits } from "./runner_layout.ts";

/** Token positions per block of the text cache. */
const blockSize = 16;
const defaultChunkSize = 256;
/** Sequences in one batch; a CPU is busy with few. */
const defaultSequences = { cpu: 8, gpu: 32 };
/** Contexts that the text cache is tried to hold. Most conversations are shorter than the context by far. */
const cacheContexts = { cpu: [2, 1], gpu: [4, 2, 1] };

/** Context and image tiles that are tried, in this order, where the options leave them open. */
const contextLengths = [8192, 4096, 2048, 1024];
const imageTiles = [16, 8, 4];

export interface ChosenLimits {
  readonly limits: RunnerLimits;
  readonly plan: MemoryPlan;
  /** Why the device cannot hold even this, the least that the options allow. */
  readonly problem?: DeviceError;
}

/**
 * The sizes that options, checkpoint and device come to. What the options name is kept; the rest is as large as fits.
 *
 * @param weightBytes device memory that the weights take
 * @throws {RequestError} If the options ask for more than the model can do.
 */
export function chooseLimits(
  options: EngineOptions,
  config: MllamaConfig,
  weightBytes: number,
  device: Pick<Device, "info" | "limits">,
): ChosenLimits {
  let chosen: ChosenLimits | undefined;
  for (const candidate of candidates(options, config, device.info.type === "cpu" ? "cpu" : "gpu")) {
    const plan = planRunner(config, weightBytes, candidate, device.info);
    chosen = { limits: candidate, plan, problem: problemOf(plan, config, candidate, device) };
    if (!chosen.problem) break;
  }
  return chosen!;
}

/** From the most to the least; only one where the options name everything. */
function candidates(options: EngineOptions, config: MllamaConfig, kind: "cpu" | "gpu"): RunnerLimits[] {
  const { text, vision } = config;
  checkOptions(options, text.maxPositionEmbeddings);
  const most = Math.min(text.maxPositionEmbeddings, options.kvTokens ?? Infinity);
  const contexts = options.contextLength ? [options.contextLength] : atMost(contextLengths, most);
  const tiles = options.imageTiles ? [options.imageTiles] : atLeast(imageTiles, vision.maxNumTiles);
  const maxSequences = options.maxSequences ?? defaultSequences[kind];
  const sizes = Array.from({ length: Math.max(contexts.length, tiles.length) }, (_, i) => ({
    contextLength: contexts[Math.min(i, contexts.length - 1)]!,
    imageTiles: tiles[Math.min(i, tiles.length - 1)]!,
    blockSize,
    maxSequences,
    // Every sequence that decodes has a row in each step, and its logits.
    chunkSize: Math.max(options.chunkSize ?? defaultChunkSize, maxSequences),
    outputRows: Math.max(options.outputRows ?? 0, maxSequences),
    deduplicate: options.deduplicate ?? true,
  }));
  return sizes.flatMap((size) =>
    cacheTokens(options, size, kind).map((tokens) => ({
      ...size,
      kvTokens: Math.ceil(tokens / blockSize) * blockSize,
    }))
  );
}

/** Sizes of the text cache to try, from the most to the least: one context, and more where several sequences share it. */
function cacheTokens(
  { kvTokens }: EngineOptions,
  { contextLength, maxSequences }: Pick<RunnerLimits, "contextLength" | "maxSequences">,
  kind: "cpu" | "gpu",
): number[] {
  if (kvTokens !== undefined) return [kvTokens];
  const contexts = new Set(cacheContexts[kind].map((count) => Math.min(count, maxSequences)));
  return [...contexts].map((count) => count * Math.ceil(contextLength / blockSize) * blockSize);
}

function checkOptions({ contextLength, kvTokens }: EngineOptions, mostPositions: number): void {
  if (contextLength === undefined) return;
  if (contextLength > mostPositions) {
    throw new RequestError(
      `--ctx-size ${contextLength} is more than the model's ${mostPositions} positions`,
      { remedy: `Use --ctx-size ${mostPositions} or less` },
    );
  }
  if (kvTokens !== undefined && kvTokens < contextLength) {
    throw new RequestError(`--kv-tokens ${kvTokens} holds less than one context of ${contextLength} tokens`, {
      remedy: `Use --kv-tokens ${contextLength} or more, or lower --ctx-size`,
    });
  }
}

function problemOf(
  plan: MemoryPlan,
  config: MllamaConfig,
  limits: RunnerLimits,
  device: Pick<Device, "info" | "limits">,
): DeviceError | undefined {
  try {
    checkRunner(plan, config, limits, device);
    return undefined;
  } catch (error) {
    if (error instanceof DeviceError) return error;
    throw error;
  }
}

function atMost(values: readonly number[], most: number): number[] {
  return [...new Set(values.map((value) => Math.min(value, most)))];
}

function atLeast(values: readonly number[], least: number): number[] {
  return [...new Set(values.map((value) => Math.max(value, least)))];
}
