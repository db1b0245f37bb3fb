import type { Recorder } from "../gpu/recorder.ts";
import { reshape, sliceRows, type Tensor } from "../gpu/tensor.ts";
import { addTileEmbedding } from "../ops/add_tile_embedding.ts";
import { kvStore } from "../ops/kv_store.ts";
import { layerNorm } from "../ops/layer_norm.ts";
import { matmul } from "../ops/matmul.ts";
import { rmsNorm } from "../ops/rms_norm.ts";
import { tilePatches } from "../ops/tile_patches.ts";
import { visionAttention } from "../ops/vision_attention.ts";
import { visionEmbed } from "../ops/vision_embed.ts";
import type { KeyValueCache } from "./caches.ts";
import type { MllamaConfig } from "./config.ts";
import { type Allocated, f32, type ShapeTable, u32, u8 } from "./shapes.ts";
import { maxVisionRows, type VisionLayout } from "./vision_layout.ts";
import { type CrossLayerWeights, type MllamaWeights, padToFour, type VisionLayerWeights } from "./weights.ts";

/** Called with tensors worth looking at (`llamav trace`); it records a copy. `row` is the first row it holds of the whole. */
export type Tap = (name: string, tensor: Tensor<"f32">, row?: number) => void;

/** Rows that the projector and the cross layers' key and value projections take at a time. */
const projectionBand = 1024;

/** What the host writes for one image. T tile slots, S tile size. */
export function visionInputShapes({ vision }: MllamaConfig) {
  const rows = maxVisionRows(vision);
  return {
    pixels: u8(vision.maxNumTiles * vision.imageSize ** 2 * vision.numChannels), // resized RGB rows
    rows: u32(rows, 2), // tile and token of each row
    keyBias: f32(rows),
    slots: u32(rows), // cross-cache slot of each real token
  } satisfies ShapeTable;
}

/** Working memory of the tower, sized for the largest image. n patches per tile, C channels, k saved states. */
export function visionScratchShapes({ vision, text }: MllamaConfig) {
  const rows = maxVisionRows(vision);
  const patches = vision.maxNumTiles * vision.patchesPerTile;
  const band = Math.min(projectionBand, vision.maxNumTiles * vision.tokensPerTile);
  const kvWidth = text.numKeyValueHeads * text.headDim;
  return {
    patches: f32(patches, padToFour(vision.numChannels * vision.patchSize ** 2)),
    embedded: f32(patches, vision.hiddenSize),
    x: f32(rows, vision.hiddenSize),
    normed: f32(rows, vision.hiddenSize),
    qkv: f32(rows, 3 * vision.hiddenSize),
    attention: f32(rows, vision.hiddenSize),
    mlp: f32(rows, padToFour(vision.intermediateSize)),
    saved: f32(vision.intermediateLayersIndices.length * rows, vision.hiddenSize), // k × [rows, C]
    crossStates: f32(band, text.hiddenSize),
    key: f32(band, kvWidth),
    value: f32(band, kvWidth),
  } satisfies ShapeTable;
}

export type VisionScratch = Allocated<
  ReturnType<typeof visionInputShapes> & ReturnType<typeof visionScratchShapes>
>;

/** An image ready for the tower: the host has written pixels, rows, key biases and slots into the scratch. */
export interface VisionInput {
  readonly layout: VisionLayout;
  readonly aspectRatioId: number;
  readonly tileCount: number;
  /** Tiles per row of the arrangement. */
  readonly columns: number;
  /** Size of the resized picture in pixels. */
  readonly width: number;
  readonly height: number;
}

/**
 * The vision tower for one image, from resized pixels to the keys and values of every cross-attention layer.
 * Submitted layer by layer: a large image takes seconds on a small GPU.
 * Source: Meta's llama-models, models/llama3/multimodal; mllama-spec §3.
 */
export function recordVision(
  cmd: Recorder,
  config: MllamaConfig,
  weights: MllamaWeights,
  input: VisionInput,
  scratch: VisionScratch,
  cache: KeyValueCache,
  tap?: Tap,
): void {
  const { vision } = weights;
  const { layout } = input;
  const x = sliceRows(scratch.x, 0, layout.rowCount);
  const rows = sliceRows(scratch.rows, 0, layout.rowCount);
  const { postTile } = vision.arrangements[input.aspectRatioId - 1]!;

  recordEmbedding(cmd, config, weights, input, scratch, tap);

  // States are saved before the layers named in the config, as Meta's code does: the weights were trained so.
  const saved = savedStates(config, layout, scratch);
  cmd.label("vision.local");
  for (const [i, layer] of vision.local.entries()) {
    const slot = config.vision.intermediateLayersIndices.indexOf(i);
    if (slot >= 0) cmd.copy(sliceRows(x, 0, layout.realCount), saved[slot]!);
    recordLayer(cmd, config, layer, layout, scratch);
    tap?.(`vision.local.${i}`, x);
    cmd.split();
  }

  layerNorm(cmd, x, vision.normPost.weight, vision.normPost.bias, x, outerNormEps);
  addTileEmbedding(cmd, x, rows, postTile, vision.postTileGate);
  tap?.("vision.global_in", x);
  cmd.label("vision.global");
  for (const [i, layer] of vision.global.entries()) {
    recordLayer(cmd, config, layer, layout, scratch);
    tap?.(`vision.global.${i}`, x);
    cmd.split();
  }
  for (const [i, state] of saved.entries()) tap?.(`vision.saved.${i}`, state);

  recordCrossStates(cmd, config, weights, layout, scratch, cache, tap);
}

/** LayerNorms outside the encoder layers use the framework's default epsilon, whatever the config says of the layers. */
const outerNormEps = 1e-5;

/** The real rows of each saved state, in the order of the config's list. */
function savedStates(config: MllamaConfig, layout: VisionLayout, scratch: VisionScratch): Tensor<"f32">[] {
  const rows = maxVisionRows(config.vision);
  return config.vision.intermediateLayersIndices.map((_, i) =>
    sliceRows(scratch.saved, i * rows, i * rows + layout.realCount)
  );
}

/** Pixels to embedded tokens: patches, positions, first norm. Pad patches are zero rows. */
function recordEmbedding(
  cmd: Recorder,
  config: MllamaConfig,
  weights: MllamaWeights,
  input: VisionInput,
  scratch: VisionScratch,
  tap?: Tap,
): void {
  const { vision } = weights;
  const { layout } = input;
  const patchCount = input.tileCount * config.vision.patchesPerTile;
  const patches = sliceRows(scratch.patches, 0, patchCount);
  const embedded = sliceRows(scratch.embedded, 0, patchCount);
  const x = sliceRows(scratch.x, 0, layout.rowCount);
  const arrangement = vision.arrangements[input.aspectRatioId - 1]!;

  cmd.label("vision.embed");
  tilePatches(cmd, scratch.pixels, patches, {
    width: input.width,
    height: input.height,
    tileSize: config.vision.imageSize,
    patchSize: config.vision.patchSize,
    gridColumns: input.columns,
    tiles: input.tileCount,
    ...pixelScaling(config.image),
  });
  tap?.("vision.patches", patches);
  matmul(cmd, patches, vision.patch, embedded);
  tap?.("vision.patch_embed", embedded);
  visionEmbed(
    cmd,
    embedded,
    sliceRows(scratch.rows, 0, layout.rowCount),
    vision.classEmbedding,
    vision.positional,
    arrangement.tilePositional,
    arrangement.preTile,
    x,
    {
      realTiles: input.tileCount,
      tokens: config.vision.tokensPerTile,
      positionGate: vision.positionGate,
      preTileGate: vision.preTileGate,
    },
  );
  const tokens = sliceRows(x, 0, layout.embeddedCount);
  layerNorm(cmd, tokens, vision.normPre.weight, vision.normPre.bias, tokens, outerNormEps);
  tap?.("vision.embedded", x);
}

/** What the preprocessor config asks for; steps that it leaves out change nothing. */
function pixelScaling(image: MllamaConfig["image"]) {
  return {
    rescale: image.doRescale ? image.rescaleFactor : 1,
    mean: image.doNormalize ? image.mean : image.mean.map(() => 0),
    std: image.doNormalize ? image.std : image.std.map(() => 1),
  };
}

/** One pre-norm encoder layer in place on x. The gates are 1 in local layers. */
function recordLayer(
  cmd: Recorder,
  config: MllamaConfig,
  layer: VisionLayerWeights,
  layout: VisionLayout,
  scratch: VisionScratch,
): void {
  const { attentionHeads: heads, headDim, normEps } = config.vision;
  const take = (tensor: Tensor<"f32">) => sliceRows(tensor, 0, layout.rowCount);
  const x = take(scratch.x);
  const normed = take(scratch.normed);
  const qkv = take(scratch.qkv);
  const attention = take(scratch.attention);
  const mlp = take(scratch.mlp);
  const keyBias = sliceRows(scratch.keyBias, 0, layout.rowCount - layout.realCount);

  layerNorm(cmd, x, layer.attentionNorm.weight, layer.attentionNorm.bias, normed, normEps);
  matmul(cmd, normed, layer.qkv, qkv);
  visionAttention(cmd, qkv, keyBias, attention, { heads, headDim, realCount: layout.realCount });
  matmul(cmd, attention, layer.output, x, { residual: x, scale: layer.attentionGate });

  layerNorm(cmd, x, layer.mlpNorm.weight, layer.mlpNorm.bias, normed, normEps);
  matmul(cmd, normed, layer.fc1, mlp, { bias: layer.fc1Bias, activation: "gelu" });
  matmul(cmd, mlp, layer.fc2, x, { bias: layer.fc2Bias, residual: x, scale: layer.mlpGate });
}

/** Final and saved states → projector → each cross layer's keys and values, a band of real rows at a time. */
function recordCrossStates(
  cmd: Recorder,
  config: MllamaConfig,
  weights: MllamaWeights,
  layout: VisionLayout,
  scratch: VisionScratch,
  cache: KeyValueCache,
  tap?: Tap,
): void {
  const { projector, projectorBias } = weights.vision;
  const crossLayers = weights.text.layers.filter((layer): layer is CrossLayerWeights =>
    layer.kind === "cross"
  );
  const saved = savedStates(config, layout, scratch);
  const band = scratch.crossStates.shape[0]!;
  cmd.label("vision.project");
  for (let begin = 0; begin < layout.realCount; begin += band) {
    const end = Math.min(begin + band, layout.realCount);
    const states = sliceRows(scratch.crossStates, 0, end - begin);
    matmul(cmd, sliceRows(scratch.x, begin, end), projector[0]!, states, { bias: projectorBias });
    for (const [i, state] of saved.entries()) {
      matmul(cmd, sliceRows(state, begin, end), projector[1 + i]!, states, { residual: states });
    }
    tap?.("vision.projected", states, begin);
    for (const [i, layer] of crossLayers.entries()) {
      recordCrossKeyValue(
        cmd,
        config,
        layer,
        states,
        sliceRows(scratch.slots, begin, end),
        scratch,
        cache,
        i,
      );
    }
  }
}

function recordCrossKeyValue(
  cmd: Recorder,
  config: MllamaConfig,
  layer: CrossLayerWeights,
  states: Tensor<"f32">,
  slots: Tensor<"u32">,
  scratch: VisionScratch,
  cache: KeyValueCache,
  crossLayer: number,
): void {
  const { numKeyValueHeads, headDim, rmsNormEps } = config.text;
  const count = states.shape[0]!;
  const key = sliceRows(scratch.key, 0, count);
  const value = sliceRows(scratch.value, 0, count);
  matmul(cmd, states, layer.key, key);
  matmul(cmd, states, layer.value, value);
  const keyHeads = reshape(key, [count * numKeyValueHeads, headDim]);
  rmsNorm(cmd, keyHeads, layer.keyNorm, keyHeads, rmsNormEps);
  kvStore(cmd, { tensor: key }, { tensor: value }, slots, cache.keys[crossLayer]!, cache.values[crossLayer]!);
}
