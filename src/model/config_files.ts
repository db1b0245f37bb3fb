import { existsSync } from "node:fs";
import { join } from "node:path";
import { Fields } from "./config_fields.ts";
import type { VisionConfig } from "./config_vision.ts";

/** How the checkpoint wants to be sampled when a request says nothing: `generation_config.json`. */
export interface GenerationConfig {
  readonly doSample: boolean;
  readonly temperature?: number;
  readonly topP?: number;
  /** 0 keeps every token. */
  readonly topK?: number;
  readonly repetitionPenalty?: number;
  readonly eosTokenIds: readonly number[];
  readonly bosTokenId: number;
}

/** How pixels become numbers: `preprocessor_config.json`. */
export interface ImageConfig {
  /** Side of a tile in pixels. */
  readonly size: number;
  /** Per channel, applied after rescaling. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly rescaleFactor: number;
  readonly doRescale: boolean;
  readonly doNormalize: boolean;
  readonly maxImageTiles: number;
  /** Pillow's number of the filter; 2 is bilinear, the only one. */
  readonly resample: 2;
}

/**
 * Hugging Face keeps the 50 best tokens when a sampling checkpoint does not say. Source: mllama-spec §8.1.
 */
const implicitTopK = 50;

/**
 * A checkpoint without the file, or without one of its ids, uses those of `text_config`, as Hugging Face
 * does.
 *
 * @throws {ModelError} Naming the field.
 */
export function readGeneration(directory: string, text: Fields, vocabSize: number): GenerationConfig {
  const name = "generation_config.json";
  const fields = existsSync(join(directory, name)) ? Fields.open(directory, name) : undefined;
  const ids = { min: 0, max: vocabSize - 1 };
  const bosHolder = fields?.has("bos_token_id") ? fields : text;
  const eosHolder = fields?.has("eos_token_id") ? fields : text;
  const doSample = fields?.boolean("do_sample", false) ?? false;
  const optional = (field: string, min: number, max: number) =>
    fields?.has(field) ? fields.number(field, { min, max }) : undefined;
  return {
    doSample,
    temperature: optional("temperature", 0, 100),
    topP: optional("top_p", 0, 1),
    topK: fields?.has("top_k")
      ? fields.integer("top_k", { min: 0, max: 1e9 })
      : doSample
      ? implicitTopK
      : undefined,
    repetitionPenalty: optional("repetition_penalty", 1e-3, 1e3),
    eosTokenIds: eosHolder.oneOrMoreIntegers("eos_token_id", 64, ids),
    bosTokenId: bosHolder.integer("bos_token_id", ids),
  };
}

/**
 * Newer writers put the same object into processor_config.json, below `image_processor`. Class defaults
 * differ from every published checkpoint, so what matters must be in the file.
 *
 * @throws {ModelError} Naming the field.
 */
export function readImage(directory: string, vision: VisionConfig): ImageConfig {
  const fields = openPreprocessor(directory);
  for (const step of ["do_convert_rgb", "do_resize", "do_pad"]) fields.oneOf(step, [true], true);
  const size = fields.child("size");
  for (const side of ["height", "width"]) {
    size.integer(side, { min: vision.imageSize, max: vision.imageSize });
  }
  const channels = { min: vision.numChannels, max: vision.numChannels };
  return {
    size: vision.imageSize,
    mean: fields.numbers("image_mean", channels, { min: -1e3, max: 1e3 }),
    std: fields.numbers("image_std", channels, { min: 1e-6, max: 1e3 }),
    rescaleFactor: fields.number("rescale_factor", { min: 1e-9, max: 1e3 }),
    doRescale: fields.boolean("do_rescale", true),
    doNormalize: fields.boolean("do_normalize", true),
    // Arrangement ids are numbered for one tile count; the two files must mean the same.
    maxImageTiles: fields.integer("max_image_tiles", { min: vision.maxNumTiles, max: vision.maxNumTiles }),
    resample: fields.oneOf("resample", [2], 2),
  };
}

function openPreprocessor(directory: string): Fields {
  const name = "preprocessor_config.json";
  const newer = "processor_config.json";
  if (existsSync(join(directory, name)) || !existsSync(join(directory, newer))) {
    return Fields.open(directory, name);
  }
  return Fields.open(directory, newer).child("image_processor");
}
