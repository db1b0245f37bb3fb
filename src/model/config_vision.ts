import type { Fields } from "./config_fields.ts";

/** The vision tower: `vision_config`. */
export interface VisionConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  /** Local layers. */
  readonly numHiddenLayers: number;
  readonly numGlobalLayers: number;
  readonly attentionHeads: number;
  readonly headDim: number;
  readonly normEps: number;
  /** Side of a tile in pixels. */
  readonly imageSize: number;
  /** Side of a patch in pixels; divides `imageSize`. */
  readonly patchSize: number;
  readonly numChannels: number;
  readonly maxNumTiles: number;
  /** Local layers whose inputs are kept, rising. */
  readonly intermediateLayersIndices: readonly number[];
  /** `hiddenSize * (1 + intermediateLayersIndices.length)`. */
  readonly visionOutputDim: number;
  /** Tile arrangements [rows, columns]; arrangement i has id i + 1, id 0 means no image. */
  readonly supportedAspectRatios: readonly (readonly [rows: number, columns: number])[];
  /** `(imageSize / patchSize)^2`. */
  readonly patchesPerTile: number;
  /** Patches and the class token. */
  readonly tokensPerTile: number;
}

/** Head sizes the attention kernels take, in steps of four. */
const headDimLimits = { min: 8, max: 256 };

/** @throws {ModelError} Naming the field. */
export function readVision(fields: Fields): VisionConfig {
  fields.oneOf("model_type", ["mllama_vision_model"], "mllama_vision_model");
  fields.oneOf("hidden_act", ["gelu"], "gelu");
  const hiddenSize = fields.integer("hidden_size", { min: 8, max: 16_384 });
  const headsName = fields.spelling("attention_heads", "num_attention_heads");
  const attentionHeads = fields.integer(headsName, { min: 1, max: 1024 });
  const numHiddenLayers = fields.integer("num_hidden_layers", { min: 1, max: 512 });
  const imageSize = fields.integer("image_size", { min: 4, max: 4096 });
  const patchSize = fields.integer("patch_size", { min: 1, max: imageSize });
  if (imageSize % patchSize !== 0) fields.fail("patch_size", `a divisor of image_size (${imageSize})`);
  const patchesPerTile = (imageSize / patchSize) ** 2;
  const maxNumTiles = fields.integer("max_num_tiles", { min: 1, max: 64 });
  const intermediateLayersIndices = savedLayers(fields, numHiddenLayers);
  const visionOutputDim = hiddenSize * (1 + intermediateLayersIndices.length);
  fields.integer("vision_output_dim", { min: visionOutputDim, max: visionOutputDim });
  return {
    hiddenSize,
    intermediateSize: fields.integer("intermediate_size", { min: 1, max: 1_048_576 }),
    numHiddenLayers,
    numGlobalLayers: fields.integer("num_global_layers", { min: 1, max: 512 }),
    attentionHeads,
    headDim: checkHeads(fields, hiddenSize, attentionHeads),
    normEps: fields.number("norm_eps", { min: 1e-12, max: 0.1 }),
    imageSize,
    patchSize,
    // Pictures are decoded to RGB.
    numChannels: fields.oneOf("num_channels", [3]),
    maxNumTiles,
    intermediateLayersIndices,
    visionOutputDim,
    supportedAspectRatios: aspectRatios(fields, maxNumTiles),
    patchesPerTile,
    tokensPerTile: patchesPerTile + 1,
  };
}

/** Head size of `heads` equal parts of the hidden size. */
export function checkHeads(fields: Fields, hiddenSize: number, heads: number): number {
  const headDim = hiddenSize / heads;
  const { min, max } = headDimLimits;
  if (headDim % 4 === 0 && headDim >= min && headDim <= max) return headDim;
  fields.fail("hidden_size", `${heads} heads (as configured) times a multiple of 4 from ${min} to ${max}`);
}

/**
 * The published code joins saved states in layer order, whatever the list's order; other orders are refused.
 */
function savedLayers(fields: Fields, numHiddenLayers: number): number[] {
  const name = "intermediate_layers_indices";
  const layers = fields.integers(name, { min: 0, max: numHiddenLayers }, {
    min: 0,
    max: numHiddenLayers - 1,
  });
  if (layers.some((layer, i) => i > 0 && layer <= layers[i - 1]!)) fields.fail(name, "strictly rising");
  return layers;
}

function aspectRatios(fields: Fields, maxNumTiles: number): (readonly [number, number])[] {
  const name = "supported_aspect_ratios";
  const ratios = fields.pairs(name, { min: 1, max: 512 }, { min: 1, max: maxNumTiles });
  if (ratios.some(([rows, columns]) => rows * columns > maxNumTiles)) {
    fields.fail(name, `arrangements of at most max_num_tiles (${maxNumTiles}) tiles`);
  }
  if (new Set(ratios.map(String)).size !== ratios.length) fields.fail(name, "free of repetitions");
  return ratios;
}
