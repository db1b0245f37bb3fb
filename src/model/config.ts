import { existsSync } from "node:fs";
import { join } from "node:path";
import { ModelNotFoundError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";
import { Fields } from "./config_fields.ts";
import { type GenerationConfig, type ImageConfig, readGeneration, readImage } from "./config_files.ts";
import { readText, type TextConfig } from "./config_text.ts";
import { readVision, type VisionConfig } from "./config_vision.ts";

export type { GenerationConfig, ImageConfig, TextConfig, VisionConfig };

/** Everything a checkpoint says about itself, checked. Fields keep Hugging Face's terms. */
export interface MllamaConfig {
  readonly text: TextConfig;
  readonly vision: VisionConfig;
  /** Id of `<|image|>`: the first row behind the vocabulary in published checkpoints, outside lm_head. */
  readonly imageTokenIndex: number;
  readonly generation: GenerationConfig;
  readonly image: ImageConfig;
}

/** Rows of embed_tokens behind the vocabulary. Source: modeling_mllama, `nn.Embedding(vocab_size + 8, …)`. */
export const extraEmbeddingRows = 8;

/**
 * Reads config.json, generation_config.json and preprocessor_config.json of a model directory. Both
 * generations of spelling are read: `rope_scaling` with `rope_theta`, or `rope_parameters`;
 * `image_token_index` or `image_token_id`. `dtype` and `torch_dtype` are not read: every tensor states its
 * own. Every number has a limit, and fields that must agree are compared, so that no later stage meets a
 * surprise.
 *
 * @throws {ModelNotFoundError} If the directory or its config.json is missing.
 * @throws {ModelError} Naming the file, the field, what it must be and what it is.
 */
export function readConfig(directory: string): MllamaConfig {
  if (!existsSync(join(directory, "config.json"))) {
    throw new ModelNotFoundError(
      `Cannot open model ${quote(directory, 1000)}: need a directory with config.json, have none`,
      "MODEL must be a directory in Hugging Face layout: config.json, tokenizer.json and *.safetensors files.",
    );
  }
  const root = Fields.open(directory, "config.json");
  checkArchitecture(root);
  const textFields = root.child("text_config");
  const visionFields = root.child("vision_config");
  for (const fields of [root, textFields, visionFields]) checkPlain(fields);
  const text = readText(textFields);
  const vision = readVision(visionFields);
  const imageTokenIndex = root.integer(root.spelling("image_token_index", "image_token_id"), {
    min: 0,
    max: text.vocabSize + extraEmbeddingRows - 1,
  });
  const generation = readGeneration(directory, textFields, text.vocabSize);
  return { text, vision, imageTokenIndex, generation, image: readImage(directory, vision) };
}

function checkArchitecture(root: Fields): void {
  root.oneOf("model_type", ["mllama"]);
  if (root.has("architectures")) root.words("architectures", ["MllamaForConditionalGeneration"]);
}

/** What would change the meaning of the weights, or ask for code of the checkpoint's author. */
function checkPlain(fields: Fields): void {
  if (fields.has("auto_map")) fields.fail("auto_map", "absent (code of a checkpoint is never run)");
  if (fields.has("quantization_config")) {
    fields.fail("quantization_config", "absent (weights must be BF16, F16 or F32)");
  }
}
