import { extraEmbeddingRows, type MllamaConfig } from "./config.ts";

/** The part of the model that a tensor belongs to, in the order of a forward pass. */
export type ModelPart = "vision" | "projector" | "embed_tokens" | "self_layers" | "cross_layers" | "lm_head";

/** A tensor that a checkpoint of this configuration must hold, by its published name. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly part: ModelPart;
}

const textPrefix = "language_model.model.";

/**
 * The published name of a tensor, whatever naming wrote it: `model.language_model.…` and `lm_head.…` of newer
 * versions, `language_model.…` of a model saved without its head, any of them with or without a leading
 * `model.`. Names that are not Mllama's come back as they are. Source: transformers' key mapping, mllama-spec
 * §1.5.
 */
export function canonicalName(name: string): string {
  const bare = name.replace(/^model\./, "");
  if (bare.startsWith("lm_head.")) return `language_model.${bare}`;
  if (bare.startsWith("language_model.lm_head.")) return bare;
  if (bare.startsWith("language_model.")) return bare.replace(/^language_model\.(model\.)?/, textPrefix);
  return /^(vision_model|multi_modal_projector)\./.test(bare) ? bare : name;
}

/** Every tensor of the model, none twice: 906 for 11B, 1494 for 90B. Source: mllama-spec §1.3. */
export function expectedTensors(config: MllamaConfig): ExpectedTensor[] {
  const { text, vision } = config;
  const crossLayers = new Set(text.crossAttentionLayers);
  const layers = Array.from(
    { length: text.numHiddenLayers },
    (_, i) => textLayer(config, i, crossLayers.has(i)),
  );
  return [
    ...visionTensors(config),
    {
      name: "multi_modal_projector.weight",
      shape: [text.hiddenSize, vision.visionOutputDim],
      part: "projector",
    },
    { name: "multi_modal_projector.bias", shape: [text.hiddenSize], part: "projector" },
    {
      name: `${textPrefix}embed_tokens.weight`,
      shape: [text.vocabSize + extraEmbeddingRows, text.hiddenSize],
      part: "embed_tokens",
    },
    ...layers.flat(),
    { name: `${textPrefix}norm.weight`, shape: [text.hiddenSize], part: "lm_head" },
    { name: "language_model.lm_head.weight", shape: [text.vocabSize, text.hiddenSize], part: "lm_head" },
  ];
}

type Shapes = Readonly<Record<string, readonly number[]>>;

function named(prefix: string, part: ModelPart, shapes: Shapes): ExpectedTensor[] {
  return Object.entries(shapes).map(([name, shape]) => ({ name: prefix + name, shape, part }));
}

function textLayer({ text }: MllamaConfig, index: number, cross: boolean): ExpectedTensor[] {
  const { hiddenSize, intermediateSize, headDim } = text;
  const queryRows = text.numAttentionHeads * headDim;
  const keyRows = text.numKeyValueHeads * headDim;
  const attention = cross ? "cross_attn" : "self_attn";
  return named(`${textPrefix}layers.${index}.`, cross ? "cross_layers" : "self_layers", {
    "input_layernorm.weight": [hiddenSize],
    [`${attention}.q_proj.weight`]: [queryRows, hiddenSize],
    [`${attention}.k_proj.weight`]: [keyRows, hiddenSize],
    [`${attention}.v_proj.weight`]: [keyRows, hiddenSize],
    [`${attention}.o_proj.weight`]: [hiddenSize, queryRows],
    ...(cross && {
      "cross_attn.q_norm.weight": [headDim],
      "cross_attn.k_norm.weight": [headDim],
      "cross_attn_attn_gate": [1],
      "cross_attn_mlp_gate": [1],
    }),
    "post_attention_layernorm.weight": [hiddenSize],
    "mlp.gate_proj.weight": [intermediateSize, hiddenSize],
    "mlp.up_proj.weight": [intermediateSize, hiddenSize],
    "mlp.down_proj.weight": [hiddenSize, intermediateSize],
  });
}

function visionTensors({ vision }: MllamaConfig): ExpectedTensor[] {
  const { hiddenSize, maxNumTiles, tokensPerTile, numChannels, patchSize } = vision;
  // Row 0 of the tables is for images that are not there.
  const tableRows = vision.supportedAspectRatios.length + 1;
  const tableWidth = maxNumTiles * hiddenSize;
  const embeddings = named("vision_model.", "vision", {
    "class_embedding": [hiddenSize],
    "patch_embedding.weight": [hiddenSize, numChannels, patchSize, patchSize],
    "gated_positional_embedding.gate": [1],
    "gated_positional_embedding.embedding": [tokensPerTile, hiddenSize],
    "gated_positional_embedding.tile_embedding.weight": [tableRows, tokensPerTile * tableWidth],
    "pre_tile_positional_embedding.gate": [1],
    "pre_tile_positional_embedding.embedding.weight": [tableRows, tableWidth],
    "post_tile_positional_embedding.gate": [1],
    "post_tile_positional_embedding.embedding.weight": [tableRows, tableWidth],
    "layernorm_pre.weight": [hiddenSize],
    "layernorm_pre.bias": [hiddenSize],
    "layernorm_post.weight": [hiddenSize],
    "layernorm_post.bias": [hiddenSize],
  });
  const layers = (stack: string, count: number, gated: boolean) =>
    Array.from({ length: count }, (_, i) => visionLayer(vision, `vision_model.${stack}.layers.${i}.`, gated))
      .flat();
  return [
    ...embeddings,
    ...layers("transformer", vision.numHiddenLayers, false),
    ...layers("global_transformer", vision.numGlobalLayers, true),
  ];
}

function visionLayer(vision: MllamaConfig["vision"], prefix: string, gated: boolean): ExpectedTensor[] {
  const { hiddenSize, intermediateSize } = vision;
  return named(prefix, "vision", {
    "self_attn.q_proj.weight": [hiddenSize, hiddenSize],
    "self_attn.k_proj.weight": [hiddenSize, hiddenSize],
    "self_attn.v_proj.weight": [hiddenSize, hiddenSize],
    "self_attn.o_proj.weight": [hiddenSize, hiddenSize],
    "mlp.fc1.weight": [intermediateSize, hiddenSize],
    "mlp.fc1.bias": [intermediateSize],
    "mlp.fc2.weight": [hiddenSize, intermediateSize],
    "mlp.fc2.bias": [hiddenSize],
    "input_layernorm.weight": [hiddenSize],
    "input_layernorm.bias": [hiddenSize],
    "post_attention_layernorm.weight": [hiddenSize],
    "post_attention_layernorm.bias": [hiddenSize],
    ...(gated && { "gate_attn": [1], "gate_ffn": [1] }),
  });
}
