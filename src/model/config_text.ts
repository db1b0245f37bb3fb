import type { Fields } from "./config_fields.ts";
import { checkHeads } from "./config_vision.ts";

/** The text decoder: `text_config`. */
export interface TextConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  /** Self-attention and cross-attention layers together. */
  readonly numHiddenLayers: number;
  /** Indices among all layers, rising. */
  readonly crossAttentionLayers: readonly number[];
  readonly numAttentionHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  /** Absent: plain rotary embeddings. */
  readonly ropeScaling: RopeScaling | undefined;
  readonly maxPositionEmbeddings: number;
  /** Rows of lm_head; embed_tokens has eight more. */
  readonly vocabSize: number;
}

/** The `llama3` stretch of rotary frequencies (rope_frequencies.ts). */
export interface RopeScaling {
  readonly factor: number;
  readonly lowFreqFactor: number;
  readonly highFreqFactor: number;
  readonly originalMaxPositionEmbeddings: number;
}

/** @throws {ModelError} Naming the field. */
export function readText(fields: Fields): TextConfig {
  fields.oneOf("model_type", ["mllama_text_model"], "mllama_text_model");
  fields.oneOf("hidden_act", ["silu"], "silu");
  // Tying would replace lm_head by an embedding with eight more rows. No published checkpoint does.
  fields.oneOf("tie_word_embeddings", [false], false);
  const hiddenSize = fields.integer("hidden_size", { min: 8, max: 65_536 });
  const numHiddenLayers = fields.integer("num_hidden_layers", { min: 1, max: 512 });
  const numAttentionHeads = fields.integer("num_attention_heads", { min: 1, max: 1024 });
  const numKeyValueHeads = fields.integer("num_key_value_heads", { min: 1, max: numAttentionHeads });
  if (numAttentionHeads % numKeyValueHeads !== 0) {
    fields.fail("num_key_value_heads", `a divisor of num_attention_heads (${numAttentionHeads})`);
  }
  const headDim = checkHeads(fields, hiddenSize, numAttentionHeads);
  if (fields.has("head_dim")) fields.integer("head_dim", { min: headDim, max: headDim });
  return {
    hiddenSize,
    intermediateSize: fields.integer("intermediate_size", { min: 1, max: 1_048_576 }),
    numHiddenLayers,
    crossAttentionLayers: crossAttentionLayers(fields, numHiddenLayers),
    numAttentionHeads,
    numKeyValueHeads,
    headDim,
    rmsNormEps: fields.number("rms_norm_eps", { min: 1e-12, max: 0.1 }),
    ...readRope(fields),
    maxPositionEmbeddings: fields.integer("max_position_embeddings", { min: 1, max: 16_777_216 }),
    vocabSize: fields.integer("vocab_size", { min: 1, max: 16_777_216 }),
  };
}

function crossAttentionLayers(fields: Fields, numHiddenLayers: number): number[] {
  const layers = fields.integers("cross_attention_layers", { min: 1, max: numHiddenLayers }, {
    min: 0,
    max: numHiddenLayers - 1,
  });
  if (new Set(layers).size !== layers.length) fields.fail("cross_attention_layers", "free of repetitions");
  return layers.toSorted((a, b) => a - b);
}

/**
 * `rope_parameters {rope_theta, rope_type, …}` (5.x), or `rope_theta` and `rope_scaling {rope_type or type,
 * …}`.
 */
function readRope(fields: Fields): Pick<TextConfig, "ropeTheta" | "ropeScaling"> {
  const name = fields.spelling("rope_parameters", "rope_scaling");
  const scaling = fields.has(name) ? fields.child(name) : undefined;
  const thetaHolder = scaling?.has("rope_theta") ? scaling : fields;
  const ropeTheta = thetaHolder.number("rope_theta", { min: 1, max: 1e12 });
  if (!scaling) return { ropeTheta, ropeScaling: undefined };
  const type = scaling.oneOf(scaling.spelling("rope_type", "type"), ["llama3", "default"]);
  return { ropeTheta, ropeScaling: type === "llama3" ? readScaling(scaling) : undefined };
}

function readScaling(fields: Fields): RopeScaling {
  const limits = { min: 1e-3, max: 1e6 };
  const lowFreqFactor = fields.number("low_freq_factor", limits);
  const highFreqFactor = fields.number("high_freq_factor", limits);
  // Their difference is a divisor.
  if (highFreqFactor <= lowFreqFactor) {
    fields.fail("high_freq_factor", `above low_freq_factor (${lowFreqFactor})`);
  }
  return {
    factor: fields.number("factor", { min: 1, max: 1e6 }),
    lowFreqFactor,
    highFreqFactor,
    originalMaxPositionEmbeddings: fields.integer("original_max_position_embeddings", {
      min: 1,
      max: 16_777_216,
    }),
  };
}
