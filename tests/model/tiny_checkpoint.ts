import { readFileSync } from "node:fs";
import { join } from "node:path";
import { elementCount } from "../../src/base/dtype.ts";
import { type MllamaConfig, readConfig } from "../../src/model/config.ts";
import { expectedTensors } from "../../src/model/tensor_names.ts";
import { type Random, random } from "../../src/selftest/random.ts";
import { writeSafetensors } from "../../src/weights/safetensors_writer.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

/** Sizes of a model that is as small as the limits allow, with sums over sizes that are no multiples of four. */
export interface TinySizes {
  readonly textIntermediate: number;
  readonly visionIntermediate: number;
}

export const oddSizes: TinySizes = { textIntermediate: 37, visionIntermediate: 37 };

/** Id of the image token of a tiny checkpoint: the first behind its vocabulary. */
export const tinyImageToken = 40;

export type TensorValues = Map<string, Float32Array>;

function configFiles({ textIntermediate, visionIntermediate }: TinySizes): Record<string, string> {
  const published = (name: string) =>
    JSON.parse(readFileSync(join(import.meta.dir, "fixtures/11b", name), "utf8"));
  const config = published("config.json");
  config.image_token_index = tinyImageToken;
  Object.assign(config.text_config, {
    hidden_size: 16,
    intermediate_size: textIntermediate,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    num_hidden_layers: 3,
    cross_attention_layers: [1],
    vocab_size: tinyImageToken,
    max_position_embeddings: 64,
    bos_token_id: 0,
    eos_token_id: 1,
    pad_token_id: 2,
  });
  Object.assign(config.vision_config, {
    hidden_size: 16,
    intermediate_size: visionIntermediate,
    attention_heads: 2,
    num_hidden_layers: 2,
    num_global_layers: 1,
    intermediate_layers_indices: [0, 1],
    vision_output_dim: 48,
    image_size: 6,
    patch_size: 3, // 27 values per patch
  });
  const image = { ...published("preprocessor_config.json"), size: { height: 6, width: 6 } };
  const generation = { bos_token_id: 0, eos_token_id: [1] };
  return {
    "config.json": JSON.stringify(config),
    "generation_config.json": JSON.stringify(generation),
    "preprocessor_config.json": JSON.stringify(image),
  };
}

/** A model directory without weights. */
export function tinyFolder(sizes: TinySizes = oddSizes): TemporaryFolder {
  return new TemporaryFolder(configFiles(sizes));
}

export function tinyConfig(sizes: TinySizes = oddSizes): MllamaConfig {
  using folder = tinyFolder(sizes);
  return readConfig(folder.path);
}

/** Random values of every tensor; unused slots of the position tables are zero, as in published checkpoints. */
export function tinyWeights(config: MllamaConfig, seed: number): TensorValues {
  const data = random(seed);
  const values = new Map(
    expectedTensors(config).map(({ name, shape }) => [name, tensorValues(data, name, shape)] as const),
  );
  const { vision } = config;
  const slots = {
    "gated_positional_embedding.tile_embedding": vision.tokensPerTile * vision.hiddenSize,
    "pre_tile_positional_embedding.embedding": vision.hiddenSize,
    "post_tile_positional_embedding.embedding": vision.hiddenSize,
  };
  for (const [name, slot] of Object.entries(slots)) {
    const table = values.get(`vision_model.${name}.weight`)!;
    for (const [i, [rows, columns]] of vision.supportedAspectRatios.entries()) {
      table.fill(
        0,
        ((i + 1) * vision.maxNumTiles + rows * columns) * slot,
        (i + 2) * vision.maxNumTiles * slot,
      );
    }
  }
  return values;
}

function tensorValues(data: Random, name: string, shape: readonly number[]): Float32Array {
  const values = data.normals(elementCount(shape), shape.length > 1 ? 0.3 : 0.5);
  return /norm[^.]*\.weight|layernorm_\w+\.weight/.test(name) ? values.map((value) => 1 + value / 5) : values;
}

/** A complete checkpoint of these values, in f32. */
export function writeTinyCheckpoint(sizes: TinySizes, values: TensorValues): TemporaryFolder {
  const folder = tinyFolder(sizes);
  const tensors = expectedTensors(readConfig(folder.path)).map(({ name, shape }) => ({
    name,
    dtype: "f32" as const,
    shape,
    data: values.get(name)!,
  }));
  writeSafetensors(join(folder.path, "model.safetensors"), tensors);
  return folder;
}
