import { DeviceError } from "../base/errors.ts";
import type { Device, DeviceInfo } from "../gpu/device.ts";
import { crossCacheShapes, selfCacheShapes, slotBytes } from "../model/caches.ts";
import { extraEmbeddingRows, type MllamaConfig } from "../model/config.ts";
import { checkPlan, checkSetting, type MemoryPlan, memoryPlan } from "../model/plan.ts";
import { attentionSharedBytes, keyGranularity, mostKeys } from "../ops/attention_tile.ts";
import { f32, type ShapeTable } from "../model/shapes.ts";
import { textScratchShapes } from "../model/text.ts";
import { visionInputShapes, visionScratchShapes } from "../model/vision.ts";
import { type BatchLimits, batchShapes } from "./batch.ts";
import { sampleInputShapes, sampleOutputShapes } from "./sample_buffer.ts";
import { countedTextShapes, samplingStateShapes } from "./sampling_stage.ts";

/** Sizes that a runner is built for. */
export interface RunnerLimits {
  /** Token positions of one sequence. */
  readonly contextLength: number;
  /** Token positions of one block of the text cache. */
  readonly blockSize: number;
  readonly maxSequences: number;
  /** Token positions of the text cache, in whole blocks; one context at least. */
  readonly kvTokens: number;
  /** Rows of one step. */
  readonly chunkSize: number;
  /** Tile slots of the image cache. */
  readonly imageTiles: number;
  /** Rows of one step that can give logits. */
  readonly outputRows: number;
  /** Let one row stand for equal pad rows in the vision tower, where the checkpoint allows it. */
  readonly deduplicate: boolean;
}

export function batchLimits({ text }: MllamaConfig, limits: RunnerLimits): BatchLimits {
  return {
    tokens: text.vocabSize + extraEmbeddingRows,
    rows: limits.chunkSize,
    sequences: limits.maxSequences,
    blocksPerSequence: blocksPerSequence(limits),
    tilesPerSequence: limits.imageTiles,
    outputs: limits.outputRows,
  };
}

export function blocksPerSequence(limits: RunnerLimits): number {
  return Math.ceil(limits.contextLength / limits.blockSize);
}

/** Every tensor of a runner but the weights, by the part of the memory plan that it belongs to. */
export function runnerTables(config: MllamaConfig, limits: RunnerLimits) {
  return {
    textCache: selfCacheShapes(config, limits.kvTokens),
    imageCache: crossCacheShapes(config, limits.imageTiles),
    vision: visionScratchShapes(config),
    text: textScratchShapes(config, limits.chunkSize, limits.outputRows),
    visionInputs: visionInputShapes(config),
    // Two of each: while the device computes one step, the host writes the next.
    steps: batchShapes(batchLimits(config, limits)),
    otherSteps: batchShapes(batchLimits(config, limits)),
    constants: { inverseFrequencies: f32(config.text.headDim / 2) },
    samplingState: samplingStateShapes(config, limits.maxSequences),
    countedText: countedTextShapes(limits.contextLength),
    sampleInputs: sampleInputShapes(config, limits.maxSequences),
    otherSampleInputs: sampleInputShapes(config, limits.maxSequences),
    sampleOutputs: sampleOutputShapes(config, limits.maxSequences),
    otherSampleOutputs: sampleOutputShapes(config, limits.maxSequences),
  } satisfies Record<string, ShapeTable>;
}

/** The memory plan of a runner on a device, whether it fits or not. */
export function planRunner(
  config: MllamaConfig,
  weightBytes: number,
  limits: RunnerLimits,
  device: DeviceInfo,
): MemoryPlan {
  const { textCache, imageCache, ...working } = runnerTables(config, limits);
  return memoryPlan(
    weightBytes,
    { "text cache": [textCache], "image cache": [imageCache], "working memory": Object.values(working) },
    device,
  );
}

/**
 * Refuses a plan that the device cannot hold, before anything is allocated.
 *
 * @throws {DeviceError} Naming the need, what there is, and the settings that shrink it.
 */
export function checkRunner(
  plan: MemoryPlan,
  config: MllamaConfig,
  limits: RunnerLimits,
  device: Pick<Device, "info" | "limits">,
): void {
  const slot = slotBytes(config);
  const { numAttentionHeads, numKeyValueHeads, headDim } = config.text;
  const keys = mostKeys(device, { heads: numAttentionHeads, kvHeads: numKeyValueHeads, headDim });
  const context = {
    flag: "--ctx-size",
    value: limits.contextLength,
    unitBytes: slot,
    unitKeys: 1,
    multiple: limits.blockSize,
  };
  const cache = { flag: "--kv-tokens", value: limits.kvTokens, unitBytes: slot, unitKeys: 0 };
  const { tokensPerTile } = config.vision;
  const tiles = {
    flag: "--image-tiles",
    value: limits.imageTiles,
    unitBytes: slot * tokensPerTile,
    unitKeys: Math.ceil(tokensPerTile / keyGranularity) * keyGranularity, // each tile starts a block of keys afresh
  };
  // Each sequence has a row of counts over the vocabulary, and one of logits.
  const sequences = {
    flag: "--max-num-seqs",
    value: limits.maxSequences,
    unitBytes: config.text.vocabSize * 4,
    unitKeys: 0,
  };
  for (const setting of [context, cache, tiles, sequences]) checkSetting(setting, device.limits, keys);
  checkHeadDim(Math.max(headDim, config.vision.headDim), device);
  checkPlan(plan, device.info, [
    {
      part: "text cache",
      value: limits.kvTokens,
      least: limits.blockSize,
      multiple: limits.blockSize,
      // Less than one context means a shorter one, too.
      flag: (most) => most < limits.contextLength ? `${cache.flag} ${most} ${context.flag}` : cache.flag,
    },
    {
      part: "image cache",
      value: limits.imageTiles,
      least: config.vision.maxNumTiles,
      multiple: 1,
      flag: () => tiles.flag,
    },
  ]);
}

function checkHeadDim(headDim: number, device: Pick<Device, "info" | "limits">): void {
  const bytes = attentionSharedBytes(device, headDim);
  if (bytes <= device.limits.sharedMemoryBytes) return;
  throw new DeviceError(
    `Heads of size ${headDim} need ${bytes} bytes of shared memory, ${device.info.name} has ${device.limits.sharedMemoryBytes}`,
    "Choose another device with --device",
  );
}
