import { DeviceError, RequestError } from "../base/errors.ts";
import type { Device } from "../gpu/device.ts";
import type { MllamaConfig } from "../model/config.ts";
import type { MemoryPlan } from "../model/plan.ts";
import type { EngineOptions } from "./protocol.ts";
import { checkRunner, planRunner, type RunnerLimits } from "./runner_layout.ts";

/** Token positions per block of the text cache. */
const blockSize = 16;
const defaults = { chunkSize: 256, maxSequences: 1 };

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
  for (const candidate of candidates(options, config)) {
    const plan = planRunner(config, weightBytes, candidate, device.info);
    chosen = { limits: candidate, plan, problem: problemOf(plan, config, candidate, device) };
    if (!chosen.problem) break;
  }
  return chosen!;
}

/** From the most to the least; only one where the options name everything. */
function candidates(options: EngineOptions, { text, vision }: MllamaConfig): RunnerLimits[] {
  const most = text.maxPositionEmbeddings;
  if (options.contextLength !== undefined && options.contextLength > most) {
    throw new RequestError(`--ctx-size ${options.contextLength} is more than the model's ${most} positions`, {
      remedy: `Use --ctx-size ${most} or less`,
    });
  }
  const contexts = options.contextLength ? [options.contextLength] : atMost(contextLengths, most);
  const tiles = options.imageTiles ? [options.imageTiles] : atLeast(imageTiles, vision.maxNumTiles);
  const maxSequences = options.maxSequences ?? defaults.maxSequences;
  return Array.from({ length: Math.max(contexts.length, tiles.length) }, (_, i) => ({
    contextLength: contexts[Math.min(i, contexts.length - 1)]!,
    imageTiles: tiles[Math.min(i, tiles.length - 1)]!,
    blockSize,
    maxSequences,
    // Every sequence that decodes has a row in each step, and its logits.
    chunkSize: Math.max(options.chunkSize ?? defaults.chunkSize, maxSequences),
    outputRows: Math.max(options.outputRows ?? 0, maxSequences),
    deduplicate: options.deduplicate ?? true,
  }));
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
