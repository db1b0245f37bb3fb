import { assert } from "../base/assert.ts";
import type { Recorder } from "../gpu/recorder.ts";
import { reshape, sliceRows, type Tensor } from "../gpu/tensor.ts";
import { attention } from "../ops/attention.ts";
import { crossAttention } from "../ops/cross_attention.ts";
import { embedding } from "../ops/embedding.ts";
import { gatedAdd } from "../ops/gated_add.ts";
import { kvStore } from "../ops/kv_store.ts";
import { matmul } from "../ops/matmul.ts";
import { rmsNorm } from "../ops/rms_norm.ts";
import { rope } from "../ops/rope.ts";
import { siluMul } from "../ops/silu_mul.ts";
import type { Caches, KeyValueCache } from "./caches.ts";
import type { MllamaConfig } from "./config.ts";
import { type Allocated, f32, type ShapeTable } from "./shapes.ts";
import type { Tap } from "./vision.ts";
import { type CrossLayerWeights, padToFour, type SelfLayerWeights, type TextWeights } from "./weights.ts";

/** One step's rows, as tensors the host fills: any mix of sequences, prefill chunks and single decode tokens. */
export interface TextBatch {
  readonly tokens: Tensor<"u32">; // [rows] ids, or `pendingToken` + a place in `sampled`
  readonly positions: Tensor<"u32">; // [rows], 0xffffffff for padding
  readonly slots: Tensor<"u32">; // [rows] where the row's key and value go, 0xffffffff for padding
  readonly sequences: Tensor<"u32">; // [rows] index into blockTables
  readonly blockTables: Tensor<"u32">; // [sequences, blocks]
  readonly rowTiles: Tensor<"u32">; // [rows, 2] the range of tileTable that the row sees
  readonly tileTable: Tensor<"u32">; // physical tile slots
  readonly logitRows: Tensor<"u32">; // [outputs] rows whose logits are wanted
  readonly sampled: Tensor<"u32">; // [slots] the latest token of each, which the host may not know yet
}

/** Working memory of the decoder for `rows` rows and logits for `outputs` of them. D hidden, F intermediate, V vocabulary. */
export function textScratchShapes({ text }: MllamaConfig, rows: number, outputs: number) {
  const { hiddenSize, numAttentionHeads, numKeyValueHeads, headDim } = text;
  const intermediateSize = padToFour(text.intermediateSize);
  return {
    hidden: f32(rows, hiddenSize),
    normed: f32(rows, hiddenSize),
    qkv: f32(rows, (numAttentionHeads + 2 * numKeyValueHeads) * headDim),
    query: f32(rows, numAttentionHeads * headDim),
    attention: f32(rows, numAttentionHeads * headDim),
    gateUp: f32(rows, 2 * intermediateSize),
    activation: f32(rows, intermediateSize),
    branch: f32(rows, hiddenSize),
    last: f32(outputs, hiddenSize),
    logits: f32(outputs, text.vocabSize),
  } satisfies ShapeTable;
}
export type TextScratch = Allocated<ReturnType<typeof textScratchShapes>>;

export interface TextModel {
  readonly config: MllamaConfig;
  readonly weights: TextWeights;
  readonly inverseFrequencies: Tensor<"f32">; // [d/2]
  readonly blockSize: number;
}

/** Steps of more rows are submitted layer by layer: all layers of a prefill chunk together may take seconds. */
const splitRows = 16;

/**
 * The decoder for one step: embeds the tokens, stores keys and values, and leaves logits [outputs, V] of the
 * rows in `logitRows` in the scratch. Cross-attention layers are skipped unless `images`: a row that sees no
 * image passes them unchanged anyway (Meta's semantics, mllama-spec §4.6), so a batch without images loses nothing.
 * Source: Meta's llama-models, models/llama3/multimodal/model.py; mllama-spec §4.
 */
export function recordText(
  cmd: Recorder,
  model: TextModel,
  batch: TextBatch,
  scratch: TextScratch,
  caches: Caches,
  images: boolean,
  tap?: Tap,
): void {
  const { config, weights } = model;
  const rowCount = batch.tokens.shape[0]!;
  const outputCount = batch.logitRows.shape[0]!;
  const { hidden, last, logits } = takeRows(scratch, rowCount, outputCount);
  assert(!tap || outputCount === rowCount, "a tap sees all rows of the last layer");

  cmd.label("text.embed");
  embedding(cmd, batch.tokens, weights.embedTokens, hidden, batch.sampled);

  const next = { self: 0, cross: 0 }; // place of the layer among its kind, which is its place in the cache
  let gathered = false;
  for (const [i, layer] of weights.layers.entries()) {
    const layerCache = layerOf(caches[layer.kind], next[layer.kind]++);
    if (layer.kind === "self") {
      // Nobody looks at the other rows of the last layer, once their keys and values are in the cache.
      gathered = outputCount < rowCount && i === weights.layers.length - 1;
      recordSelfLayer(cmd, model, layer, batch, scratch, layerCache, gathered);
    } else if (images) recordCrossLayer(cmd, model, layer, batch, scratch, layerCache);
    tap?.(`text.hidden.${i}`, hidden);
    if (rowCount > splitRows) cmd.split();
  }

  if (outputCount === 0) return;
  cmd.label("text.logits");
  if (!gathered) embedding(cmd, batch.logitRows, hidden, last);
  rmsNorm(cmd, last, weights.norm, last, config.text.rmsNormEps);
  tap?.("text.final_norm", last);
  matmul(cmd, last, weights.lmHead, logits);
  tap?.("logits", logits);
}

interface LayerCache {
  readonly keys: Tensor<"f32">;
  readonly values: Tensor<"f32">;
}

function layerOf(cache: KeyValueCache, index: number): LayerCache {
  return { keys: cache.keys[index]!, values: cache.values[index]! };
}

/** The scratch cut to the step's rows. */
function takeRows(scratch: TextScratch, rowCount: number, outputCount = 0) {
  const rows = (tensor: Tensor<"f32">) => sliceRows(tensor, 0, rowCount);
  return {
    hidden: rows(scratch.hidden),
    normed: rows(scratch.normed),
    qkv: rows(scratch.qkv),
    query: rows(scratch.query),
    attended: rows(scratch.attention),
    gateUp: rows(scratch.gateUp),
    activation: rows(scratch.activation),
    branch: rows(scratch.branch),
    last: sliceRows(scratch.last, 0, outputCount),
    logits: sliceRows(scratch.logits, 0, outputCount),
  };
}

/** @param gathers whether it computes the rows in `logitRows` only, behind its attention, and leaves them in `last` */
function recordSelfLayer(
  cmd: Recorder,
  model: TextModel,
  layer: SelfLayerWeights,
  batch: TextBatch,
  scratch: TextScratch,
  cache: LayerCache,
  gathers: boolean,
): void {
  const { numAttentionHeads: heads, numKeyValueHeads: kvHeads, headDim, rmsNormEps } = model.config.text;
  const all = takeRows(scratch, batch.tokens.shape[0]!);
  const { hidden, normed, qkv, attended } = all;

  cmd.label("text.self_attention");
  rmsNorm(cmd, hidden, layer.attentionNorm, normed, rmsNormEps);
  matmul(cmd, normed, layer.qkv, qkv);
  rope(cmd, qkv, batch.positions, model.inverseFrequencies, { heads, kvHeads, headDim });
  const key = { tensor: qkv, offset: heads * headDim };
  const value = { tensor: qkv, offset: (heads + kvHeads) * headDim };
  kvStore(cmd, key, value, batch.slots, cache.keys, cache.values);
  const outputCount = batch.logitRows.shape[0]!;
  if (gathers && outputCount === 0) return;
  attention(
    cmd,
    qkv,
    cache.keys,
    cache.values,
    batch.positions,
    batch.sequences,
    batch.blockTables,
    attended,
    {
      heads,
      kvHeads,
      headDim,
      blockSize: model.blockSize,
    },
  );
  if (!gathers) return finishSelfLayer(cmd, layer, attended, hidden, all, rmsNormEps);
  const wanted = takeRows(scratch, outputCount, outputCount); // its query is free: only cross layers use it
  embedding(cmd, batch.logitRows, attended, wanted.query);
  embedding(cmd, batch.logitRows, hidden, wanted.last);
  finishSelfLayer(cmd, layer, wanted.query, wanted.last, wanted, rmsNormEps);
}

/** What comes behind the attention of a row, the other rows apart. */
function finishSelfLayer(
  cmd: Recorder,
  layer: SelfLayerWeights,
  attended: Tensor<"f32">,
  hidden: Tensor<"f32">,
  { normed, gateUp, activation }: ReturnType<typeof takeRows>,
  rmsNormEps: number,
): void {
  matmul(cmd, attended, layer.output, hidden, { residual: hidden });

  cmd.label("text.mlp");
  rmsNorm(cmd, hidden, layer.mlpNorm, normed, rmsNormEps);
  matmul(cmd, normed, layer.gateUp, gateUp);
  siluMul(cmd, gateUp, activation);
  matmul(cmd, activation, layer.down, hidden, { residual: hidden });
}

/** Gated attention to the images a row may see. A row that sees none gets nothing, from either branch. */
function recordCrossLayer(
  cmd: Recorder,
  model: TextModel,
  layer: CrossLayerWeights,
  batch: TextBatch,
  scratch: TextScratch,
  cache: LayerCache,
): void {
  const { numAttentionHeads: heads, numKeyValueHeads: kvHeads, headDim, rmsNormEps } = model.config.text;
  const rowCount = batch.tokens.shape[0]!;
  const { hidden, normed, query, attended, gateUp, activation, branch } = takeRows(scratch, rowCount);

  cmd.label("text.cross_attention");
  rmsNorm(cmd, hidden, layer.attentionNorm, normed, rmsNormEps);
  matmul(cmd, normed, layer.query, query);
  const queryHeads = reshape(query, [rowCount * heads, headDim]);
  rmsNorm(cmd, queryHeads, layer.queryNorm, queryHeads, rmsNormEps);
  crossAttention(cmd, query, cache.keys, cache.values, batch.rowTiles, batch.tileTable, attended, {
    heads,
    kvHeads,
    headDim,
    tileTokens: model.config.vision.tokensPerTile,
  });
  // Rows without an image attend to nothing: zeros, which the projection keeps.
  matmul(cmd, attended, layer.output, hidden, { residual: hidden, scale: layer.attentionGate });

  cmd.label("text.cross_mlp");
  rmsNorm(cmd, hidden, layer.mlpNorm, normed, rmsNormEps);
  matmul(cmd, normed, layer.gateUp, gateUp);
  siluMul(cmd, gateUp, activation);
  matmul(cmd, activation, layer.down, branch);
  gatedAdd(cmd, hidden, branch, layer.mlpGate, batch.rowTiles);
}
