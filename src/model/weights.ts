import type { Tensor } from "../gpu/tensor.ts";
import { extraEmbeddingRows, type MllamaConfig } from "./config.ts";

/** A matrix [out, in] in the checkpoint's own dtype, rows padded to a multiple of four elements. */
export type Matrix = Tensor<"f32" | "bf16" | "f16">;
/** A small vector, converted to f32 at load. */
export type Vector = Tensor<"f32">;

export interface NormWeights {
  readonly weight: Vector;
  readonly bias: Vector;
}

export interface VisionLayerWeights {
  readonly attentionNorm: NormWeights;
  readonly qkv: Matrix; // [3C, C]: query, key, value stacked
  readonly output: Matrix; // [C, C]
  readonly mlpNorm: NormWeights;
  readonly fc1: Matrix; // [F, C]
  readonly fc1Bias: Vector;
  readonly fc2: Matrix; // [C, F]
  readonly fc2Bias: Vector;
  /** tanh of the gate in global layers, 1 in local ones. */
  readonly attentionGate: number;
  readonly mlpGate: number;
}

export interface VisionWeights {
  readonly patch: Matrix; // [C, channels·patch²], row order (channel, y, x)
  readonly classEmbedding: Vector;
  readonly positional: Matrix; // [N, C]
  readonly positionGate: number;
  readonly preTileGate: number;
  readonly postTileGate: number;
  /** By aspect ratio id: what the position tables hold for that arrangement, one entry per tile slot. */
  readonly arrangements: readonly {
    readonly tilePositional: Matrix; // [T·N, C]
    readonly preTile: Vector; // [T·C]
    readonly postTile: Vector; // [T·C]
  }[];
  readonly normPre: NormWeights;
  readonly normPost: NormWeights;
  readonly local: readonly VisionLayerWeights[];
  readonly global: readonly VisionLayerWeights[];
  /** The projector's columns, taken apart: one matrix [D, C] for the final state, then one per saved state. */
  readonly projector: readonly Matrix[];
  readonly projectorBias: Vector;
}

interface LayerWeights {
  readonly attentionNorm: Vector;
  readonly output: Matrix; // [D, H·d]
  readonly mlpNorm: Vector;
  readonly gateUp: Matrix; // [2F, D]: gate, then up
  readonly down: Matrix; // [D, F]
}

export interface SelfLayerWeights extends LayerWeights {
  readonly kind: "self";
  readonly qkv: Matrix; // [(H+2·KV)·d, D]: query, key, value stacked
}

export interface CrossLayerWeights extends LayerWeights {
  readonly kind: "cross";
  readonly query: Matrix; // [H·d, D]
  readonly key: Matrix; // [KV·d, D]
  readonly value: Matrix; // [KV·d, D]
  readonly queryNorm: Vector;
  readonly keyNorm: Vector;
  readonly attentionGate: number; // tanh of the stored gate, like mlpGate
  readonly mlpGate: number;
}

export interface TextWeights {
  readonly embedTokens: Matrix; // [V + 8, D]
  readonly layers: readonly (SelfLayerWeights | CrossLayerWeights)[];
  readonly norm: Vector;
  readonly lmHead: Matrix; // [V, D]
}

export interface MllamaWeights {
  readonly vision: VisionWeights;
  readonly text: TextWeights;
}

/** A rectangle of a checkpoint tensor, seen as [rows, columns]; left out, all of it. */
export interface Piece {
  readonly name: string;
  readonly firstRow?: number;
  readonly rows: number;
  /** Take columns `first`, `first + step`, … (the projector's interleaved columns). */
  readonly columns?: { readonly first: number; readonly step: number };
}

/** Where the description below puts each tensor (load.ts). */
export interface WeightSink {
  /** Pieces stacked by rows into one matrix of `columns`; `paddedRows` gives each piece that many rows, zero-filled. */
  matrix(columns: number, pieces: readonly Piece[], paddedRows?: number): Matrix;
  /** A one-dimensional tensor as f32, zero-filled up to `paddedSize`; or, with `row`, that row of a table. */
  vector(name: string, size: number, options?: { row?: number; paddedSize?: number }): Vector;
  scalar(name: string): number;
  /** Refuses tensors that one kernel reads together but that differ in dtype. */
  sameDtype(...names: readonly string[]): void;
}

/** Rows are read four elements at a time: sizes that are summed over are padded with zeros, which adds nothing. */
export function padToFour(size: number): number {
  return Math.ceil(size / 4) * 4;
}

/** Describes every tensor of a checkpoint to the sink and returns them in the model's own structure. */
export function mllamaWeights(config: MllamaConfig, sink: WeightSink): MllamaWeights {
  return { vision: visionWeights(config, sink), text: textWeights(config, sink) };
}

function visionWeights(config: MllamaConfig, sink: WeightSink): VisionWeights {
  const { hiddenSize: size, tokensPerTile, maxNumTiles, patchSize, numChannels } = config.vision;
  const savedCount = config.vision.intermediateLayersIndices.length;
  const prefix = "vision_model.";
  const tileRow = maxNumTiles * tokensPerTile;
  const arrangementIds = config.vision.supportedAspectRatios.map((_, index) => index + 1); // id 0: no image
  const tileTable = `${prefix}gated_positional_embedding.tile_embedding.weight`;
  sink.sameDtype(`${prefix}gated_positional_embedding.embedding`, tileTable);
  const projectorColumns = (saved: number) =>
    saved < 0 ? { first: 0, step: 1 } : { first: size + saved, step: savedCount };

  return {
    patch: sink.matrix(numChannels * patchSize ** 2, [{
      name: `${prefix}patch_embedding.weight`,
      rows: size,
    }]),
    classEmbedding: sink.vector(`${prefix}class_embedding`, size),
    positional: sink.matrix(size, [{
      name: `${prefix}gated_positional_embedding.embedding`,
      rows: tokensPerTile,
    }]),
    positionGate: Math.tanh(sink.scalar(`${prefix}gated_positional_embedding.gate`)),
    preTileGate: Math.tanh(sink.scalar(`${prefix}pre_tile_positional_embedding.gate`)),
    postTileGate: Math.tanh(sink.scalar(`${prefix}post_tile_positional_embedding.gate`)),
    arrangements: arrangementIds.map((id) => ({
      tilePositional: sink.matrix(size, [{ name: tileTable, firstRow: id * tileRow, rows: tileRow }]),
      preTile: sink.vector(`${prefix}pre_tile_positional_embedding.embedding.weight`, maxNumTiles * size, {
        row: id,
      }),
      postTile: sink.vector(`${prefix}post_tile_positional_embedding.embedding.weight`, maxNumTiles * size, {
        row: id,
      }),
    })),
    normPre: normWeights(sink, `${prefix}layernorm_pre`, size),
    normPost: normWeights(sink, `${prefix}layernorm_post`, size),
    local: Array.from(
      { length: config.vision.numHiddenLayers },
      (_, i) => visionLayer(config, sink, `${prefix}transformer.layers.${i}.`, false),
    ),
    global: Array.from(
      { length: config.vision.numGlobalLayers },
      (_, i) => visionLayer(config, sink, `${prefix}global_transformer.layers.${i}.`, true),
    ),
    projector: Array.from({ length: 1 + savedCount }, (_, i) =>
      sink.matrix(size, [{
        name: "multi_modal_projector.weight",
        rows: config.text.hiddenSize,
        columns: projectorColumns(i - 1),
      }])),
    projectorBias: sink.vector("multi_modal_projector.bias", config.text.hiddenSize),
  };
}

function visionLayer(
  config: MllamaConfig,
  sink: WeightSink,
  prefix: string,
  gated: boolean,
): VisionLayerWeights {
  const { hiddenSize: size, intermediateSize } = config.vision;
  const padded = padToFour(intermediateSize);
  const attention = (part: string) => ({ name: `${prefix}self_attn.${part}_proj.weight`, rows: size });
  return {
    attentionNorm: normWeights(sink, `${prefix}input_layernorm`, size),
    qkv: sink.matrix(size, [attention("q"), attention("k"), attention("v")]),
    output: sink.matrix(size, [attention("o")]),
    mlpNorm: normWeights(sink, `${prefix}post_attention_layernorm`, size),
    fc1: sink.matrix(size, [{ name: `${prefix}mlp.fc1.weight`, rows: intermediateSize }], padded),
    fc1Bias: sink.vector(`${prefix}mlp.fc1.bias`, intermediateSize, { paddedSize: padded }),
    fc2: sink.matrix(intermediateSize, [{ name: `${prefix}mlp.fc2.weight`, rows: size }]),
    fc2Bias: sink.vector(`${prefix}mlp.fc2.bias`, size),
    attentionGate: gated ? Math.tanh(sink.scalar(`${prefix}gate_attn`)) : 1,
    mlpGate: gated ? Math.tanh(sink.scalar(`${prefix}gate_ffn`)) : 1,
  };
}

function normWeights(sink: WeightSink, prefix: string, size: number): NormWeights {
  return { weight: sink.vector(`${prefix}.weight`, size), bias: sink.vector(`${prefix}.bias`, size) };
}

function textWeights(config: MllamaConfig, sink: WeightSink): TextWeights {
  const { hiddenSize, vocabSize, numHiddenLayers, crossAttentionLayers } = config.text;
  const crossLayers = new Set(crossAttentionLayers);
  const prefix = "language_model.model.";
  return {
    embedTokens: sink.matrix(hiddenSize, [{
      name: `${prefix}embed_tokens.weight`,
      rows: vocabSize + extraEmbeddingRows,
    }]),
    layers: Array.from({ length: numHiddenLayers }, (_, i) => {
      const layer = `${prefix}layers.${i}.`;
      return crossLayers.has(i) ? crossLayer(config, sink, layer) : selfLayer(config, sink, layer);
    }),
    norm: sink.vector(`${prefix}norm.weight`, hiddenSize),
    lmHead: sink.matrix(hiddenSize, [{ name: "language_model.lm_head.weight", rows: vocabSize }]),
  };
}

function selfLayer(config: MllamaConfig, sink: WeightSink, prefix: string): SelfLayerWeights {
  const { hiddenSize, numAttentionHeads, numKeyValueHeads, headDim } = config.text;
  const attention = (part: string, heads: number) => ({
    name: `${prefix}self_attn.${part}_proj.weight`,
    rows: heads * headDim,
  });
  return {
    kind: "self",
    attentionNorm: sink.vector(`${prefix}input_layernorm.weight`, hiddenSize),
    qkv: sink.matrix(hiddenSize, [
      attention("q", numAttentionHeads),
      attention("k", numKeyValueHeads),
      attention("v", numKeyValueHeads),
    ]),
    output: sink.matrix(numAttentionHeads * headDim, [{
      name: `${prefix}self_attn.o_proj.weight`,
      rows: hiddenSize,
    }]),
    ...textMlp(config, sink, prefix),
  };
}

function crossLayer(config: MllamaConfig, sink: WeightSink, prefix: string): CrossLayerWeights {
  const { hiddenSize, numAttentionHeads, numKeyValueHeads, headDim } = config.text;
  const attention = (part: string, heads: number) =>
    sink.matrix(hiddenSize, [{ name: `${prefix}cross_attn.${part}_proj.weight`, rows: heads * headDim }]);
  return {
    kind: "cross",
    attentionNorm: sink.vector(`${prefix}input_layernorm.weight`, hiddenSize),
    query: attention("q", numAttentionHeads),
    key: attention("k", numKeyValueHeads),
    value: attention("v", numKeyValueHeads),
    queryNorm: sink.vector(`${prefix}cross_attn.q_norm.weight`, headDim),
    keyNorm: sink.vector(`${prefix}cross_attn.k_norm.weight`, headDim),
    output: sink.matrix(numAttentionHeads * headDim, [{
      name: `${prefix}cross_attn.o_proj.weight`,
      rows: hiddenSize,
    }]),
    ...textMlp(config, sink, prefix),
    attentionGate: Math.tanh(sink.scalar(`${prefix}cross_attn_attn_gate`)),
    mlpGate: Math.tanh(sink.scalar(`${prefix}cross_attn_mlp_gate`)),
  };
}

function textMlp(config: MllamaConfig, sink: WeightSink, prefix: string) {
  const { hiddenSize, intermediateSize } = config.text;
  const half = (part: string) => ({ name: `${prefix}mlp.${part}_proj.weight`, rows: intermediateSize });
  return {
    mlpNorm: sink.vector(`${prefix}post_attention_layernorm.weight`, hiddenSize),
    gateUp: sink.matrix(hiddenSize, [half("gate"), half("up")], padToFour(intermediateSize)),
    down: sink.matrix(intermediateSize, [{ name: `${prefix}mlp.down_proj.weight`, rows: hiddenSize }]),
  };
}
