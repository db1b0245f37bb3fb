import { elementCount } from "../base/dtype.ts";
import type { Environment } from "../base/environment.ts";
import { ExplainedError } from "../base/errors.ts";
import { chooseLimits } from "../engine/limits.ts";
import type { EngineOptions } from "../engine/protocol.ts";
import { Device } from "../gpu/device.ts";
import { type Checkpoint, openCheckpoint } from "../model/checkpoint.ts";
import type { MllamaConfig } from "../model/config.ts";
import { planWeights } from "../model/load.ts";
import { expectedTensors } from "../model/tensor_names.ts";
import { modelDirectory } from "./models.ts";
import type { InspectedPart, Inspection } from "./reports.ts";

/** What of the engine's options the memory plan depends on. */
export type InspectOptions = Pick<
  EngineOptions,
  "model" | "device" | "contextLength" | "imageTiles" | "maxSequences" | "kvTokens"
>;

/**
 * Reads a checkpoint's configuration and headers and plans its memory on a device; loads nothing.
 *
 * @throws {ModelNotFoundError} If there is no such model.
 * @throws {ModelError} If its files are damaged or not a Llama 3.2 Vision checkpoint.
 * @throws {RequestError} If the model has fewer positions than `contextLength`.
 */
export function inspectModel(options: InspectOptions): Inspection {
  const checkpoint = openCheckpoint(modelDirectory(options.model));
  try {
    const parts = inspectParts(checkpoint);
    return {
      path: options.model,
      architecture: "MllamaForConditionalGeneration",
      facts: factsOf(checkpoint),
      tensorCount: parts.reduce((sum, part) => sum + part.tensorCount, 0),
      tensorBytes: parts.reduce((sum, part) => sum + part.bytes, 0),
      parts,
      ...planOn(checkpoint, options),
      warnings: checkpoint.unusedSlotsAreZero ? [] : [
        "Unused slots of the position tables are not zero, so missing tiles are computed one by one: images take longer",
      ],
    };
  } finally {
    checkpoint.weights.close();
  }
}

/**
 * Facts of a model as a person reads them: its shape, and how it answers where a request says nothing.
 *
 * @throws What `inspectModel` throws.
 */
export function readFacts(
  model: string,
  env?: Environment,
): (readonly [label: string, value: string])[] {
  const checkpoint = openCheckpoint(modelDirectory(model, env));
  try {
    const { doSample, temperature, topP, topK } = checkpoint.config.generation;
    const sampling = doSample
      ? [["temperature", temperature ?? 1], ["top_p", topP ?? 1], ["top_k", topK]].map((part) =>
        part.join(" ")
      ).join(", ")
      : "always the likeliest token";
    return [...factsOf(checkpoint), ["answers by default", sampling]];
  } finally {
    checkpoint.weights.close();
  }
}

function inspectParts({ config, weights }: Checkpoint): InspectedPart[] {
  const parts = new Map<string, { name: string; tensorCount: number; bytes: number }>();
  for (const { name, part } of expectedTensors(config)) {
    const sum = parts.get(part) ?? { name: part.replaceAll("_", " "), tensorCount: 0, bytes: 0 };
    sum.tensorCount++;
    sum.bytes += weights.tensors.get(name)!.bytes;
    parts.set(part, sum);
  }
  return [...parts.values()];
}

function factsOf({ config, weights }: Checkpoint): [string, string][] {
  const { text, vision } = config;
  const dtypes = new Map<string, number>();
  for (const { dtype, shape } of weights.tensors.values()) {
    dtypes.set(dtype, (dtypes.get(dtype) ?? 0) + elementCount(shape));
  }
  return [
    [
      "parameters",
      [...dtypes].map(([dtype, count]) => `${count.toLocaleString("en-US")} ${dtype}`).join(", "),
    ],
    ["text layers", `${text.numHiddenLayers}, of them ${text.crossAttentionLayers.length} cross-attention`],
    [
      "text width",
      `${text.hiddenSize}, ${text.numAttentionHeads} heads, ${text.numKeyValueHeads} key/value heads`,
    ],
    ["vision layers", `${vision.numHiddenLayers} local, ${vision.numGlobalLayers} global`],
    ["vision width", `${vision.hiddenSize}, ${vision.attentionHeads} heads`],
    ["pictures", describePictures(vision)],
    ["vocabulary", `${text.vocabSize} tokens, "<|image|>" is ${config.imageTokenIndex}`],
    ["longest context", `${text.maxPositionEmbeddings} tokens`],
  ];
}

function describePictures({ imageSize, maxNumTiles, tokensPerTile }: MllamaConfig["vision"]): string {
  return `up to ${maxNumTiles} tiles of ${imageSize}×${imageSize} pixels, ${tokensPerTile} tokens each`;
}

/** The plan, or why there is none: a machine without a device can still be told what a model is. */
function planOn(
  checkpoint: Checkpoint,
  options: InspectOptions,
): Pick<Inspection, "plan" | "planProblem"> {
  let device: Device;
  try {
    device = Device.open({ select: options.device });
  } catch (error) {
    return { planProblem: explain(error) };
  }
  try {
    const { bytes } = planWeights(checkpoint.config, checkpoint.weights);
    const { limits, plan, problem } = chooseLimits(options, checkpoint.config, bytes, device);
    return {
      plan: {
        device: device.info.name,
        contextLength: limits.contextLength,
        maxSequences: limits.maxSequences,
        allocations: plan.parts,
        totalBytes: plan.totalBytes,
        availableBytes: plan.heapBytes,
        fits: problem === undefined,
      },
      planProblem: problem && explain(problem),
    };
  } finally {
    device.dispose();
  }
}

function explain(error: unknown): string {
  if (!(error instanceof ExplainedError)) throw error;
  return error.remedy === undefined ? error.message : `${error.message}. ${error.remedy}`;
}
