import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ModelError, ModelNotFoundError } from "../../src/base/errors.ts";
import { type MllamaConfig, readConfig } from "../../src/model/config.ts";
import { goldenCheckpoints } from "../support/goldens.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

type Fields = Record<string, unknown>;

/** Three files of a model directory, or what a test makes of them. */
interface Files {
  config: Fields & { text_config: Fields; vision_config: Fields };
  generation_config?: Fields;
  preprocessor_config?: Fields;
  processor_config?: Fields;
}

const fixture = (size: string, name: string) => join(import.meta.dir, `fixtures/${size}`, `${name}.json`);

/** Reads the 11B files after a change to them. */
function readChanged(change: (files: Files) => void): MllamaConfig {
  const names = ["config", "generation_config", "preprocessor_config"];
  const read = (name: string) => [name, JSON.parse(readFileSync(fixture("11b", name), "utf8"))];
  const files = Object.fromEntries(names.map(read)) as Files;
  change(files);
  using folder = new TemporaryFolder();
  for (const [name, json] of Object.entries(files)) {
    if (json !== undefined) folder.write(`${name}.json`, JSON.stringify(json));
  }
  return readConfig(folder.path);
}

/** The message must name the field by its full path. */
function expectRefusal(change: (files: Files) => void, message: RegExp): void {
  expect(() => readChanged(change)).toThrow(ModelError);
  expect(() => readChanged(change)).toThrow(message);
}

const original = readChanged(() => {});

describe("readConfig() reads", () => {
  test("the published 11B configuration", () => {
    expect(original).toEqual({
      text: {
        hiddenSize: 4096,
        intermediateSize: 14336,
        numHiddenLayers: 40,
        crossAttentionLayers: [3, 8, 13, 18, 23, 28, 33, 38],
        numAttentionHeads: 32,
        numKeyValueHeads: 8,
        headDim: 128,
        rmsNormEps: 1e-5,
        ropeTheta: 500000,
        ropeScaling: { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositionEmbeddings: 8192 },
        maxPositionEmbeddings: 131072,
        vocabSize: 128256,
      },
      vision: {
        hiddenSize: 1280,
        intermediateSize: 5120,
        numHiddenLayers: 32,
        numGlobalLayers: 8,
        attentionHeads: 16,
        headDim: 80,
        normEps: 1e-5,
        imageSize: 560,
        patchSize: 14,
        numChannels: 3,
        maxNumTiles: 4,
        intermediateLayersIndices: [3, 7, 15, 23, 30],
        visionOutputDim: 7680,
        supportedAspectRatios: [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]],
        patchesPerTile: 1600,
        tokensPerTile: 1601,
      },
      imageTokenIndex: 128256,
      generation: {
        doSample: true,
        temperature: 0.6,
        topP: 0.9,
        topK: 50,
        repetitionPenalty: undefined,
        eosTokenIds: [128001, 128008, 128009],
        bosTokenId: 128000,
      },
      image: {
        size: 560,
        mean: [0.48145466, 0.4578275, 0.40821073],
        std: [0.26862954, 0.26130258, 0.27577711],
        rescaleFactor: 1 / 255,
        doRescale: true,
        doNormalize: true,
        maxImageTiles: 4,
        resample: 2,
      },
    });
  });

  test("the published 90B configuration", () => {
    const { text, vision } = readConfig(join(import.meta.dir, "fixtures/90b"));
    expect([text.hiddenSize, text.numHiddenLayers, text.crossAttentionLayers.length, text.headDim])
      .toEqual([8192, 100, 20, 128]);
    expect(vision).toEqual(original.vision);
  });

  test.each(goldenCheckpoints().map(({ name, directory }) => [name, directory]))("%s", (_, directory) => {
    const { text, vision, imageTokenIndex, image } = readConfig(directory);
    expect(text.ropeScaling?.factor).toBe(8);
    expect(imageTokenIndex).toBe(text.vocabSize);
    expect(image.size).toBe(vision.imageSize);
  });

  test("both micro checkpoints, spelled as in 4.x and as in 5.x, as the same model", () => {
    const micro = goldenCheckpoints().filter(({ name }) => name.startsWith("micro-mllama"));
    const configs = micro.map(({ directory }) => readConfig(directory));
    for (const { text, vision } of configs) {
      expect(text).toEqual(configs[0]!.text);
      expect(vision).toEqual(configs[0]!.vision);
    }
  });

  test("other spellings", () => {
    const { text, vision, imageTokenIndex } = readChanged(({ config }) => {
      config.image_token_id = 128256;
      delete config.image_token_index;
      config.text_config.rope_scaling = {
        type: "llama3",
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      };
      config.vision_config.num_attention_heads = config.vision_config.attention_heads;
      delete config.vision_config.attention_heads;
    });
    expect({ text, vision, imageTokenIndex }).toEqual({
      text: original.text,
      vision: original.vision,
      imageTokenIndex: 128256,
    });
  });

  test("plain rotary embeddings", () => {
    const without = (value: unknown) => readChanged(({ config }) => config.text_config.rope_scaling = value);
    expect(without(null).text.ropeScaling).toBeUndefined();
    expect(without({ rope_type: "default" }).text.ropeScaling).toBeUndefined();
  });

  test("image settings in processor_config.json", () => {
    const { image } = readChanged((files) => {
      files.processor_config = { image_processor: files.preprocessor_config };
      delete files.preprocessor_config;
    });
    expect(image).toEqual(original.image);
  });

  test("a base checkpoint as greedy, with one stop id", () => {
    const base = { _from_model_config: true, bos_token_id: 128000, eos_token_id: 128001 };
    const { generation } = readChanged((files) => files.generation_config = base);
    expect(generation).toMatchObject({
      doSample: false,
      topK: undefined,
      eosTokenIds: [128001],
      bosTokenId: 128000,
    });
  });

  test("ids of text_config where there is no generation_config.json", () => {
    const { generation } = readChanged((files) => delete files.generation_config);
    expect(generation).toMatchObject({
      doSample: false,
      eosTokenIds: [128001, 128008, 128009],
      bosTokenId: 128000,
    });
  });

  test("top_k as given, 0 for every token", () => {
    const { generation } = readChanged((files) => files.generation_config!.top_k = 0);
    expect(generation.topK).toBe(0);
  });
});

describe("readConfig() refuses", () => {
  test("a directory without config.json", () => {
    using folder = new TemporaryFolder();
    expect(() => readConfig(folder.path)).toThrow(ModelNotFoundError);
  });

  test("a file of two megabytes", () => {
    expectRefusal(({ config }) => config.noise = "x".repeat(2_000_000), /at most 1048576 bytes/);
  });

  test.each<[string, (files: Files) => void, RegExp]>([
    [
      "another architecture",
      ({ config }) => config.model_type = "llama",
      /model_type must be "mllama", is "llama"/,
    ],
    [
      "another head",
      ({ config }) => config.architectures = ["MllamaModel"],
      /architectures must be \["Mllama/,
    ],
    [
      "auto_map",
      ({ config }) => config.auto_map = { AutoModel: "x.X" },
      /auto_map must be absent .*never run/,
    ],
    [
      "quantised weights",
      ({ config }) => config.quantization_config = {},
      /quantization_config must be absent/,
    ],
    [
      "no text_config",
      (files) => delete (files.config as Fields).text_config,
      /text_config must be an object, is missing/,
    ],
    [
      "an image id behind the embedding",
      ({ config }) => config.image_token_index = 128264,
      /from 0 to 128263, is 128264/,
    ],
  ])("%s (F10)", (_, change, message) => expectRefusal(change, message));

  test.each<[string, unknown, RegExp]>([
    ["hidden_size", 1e9, /text_config\.hidden_size must be an integer from 8 to 65536, is 1000000000/],
    ["hidden_size", "4096", /text_config\.hidden_size must be an integer .*, is "4096"/],
    ["hidden_size", 4095, /text_config\.hidden_size must be 32 heads .* is 4095/],
    ["num_hidden_layers", -1, /text_config\.num_hidden_layers .* is -1/],
    ["num_hidden_layers", 1.5, /text_config\.num_hidden_layers .* is 1.5/],
    ["num_hidden_layers", null, /text_config\.num_hidden_layers .* is null/],
    ["num_attention_heads", 0, /text_config\.num_attention_heads/],
    ["num_key_value_heads", 5, /text_config\.num_key_value_heads must be a divisor .*\(32\), is 5/],
    ["head_dim", 64, /text_config\.head_dim must be an integer from 128 to 128, is 64/],
    ["cross_attention_layers", [3, 40], /text_config\.cross_attention_layers must be .* 0 to 39, is "3, 40"/],
    ["cross_attention_layers", [3, 3], /text_config\.cross_attention_layers must be free of repetitions/],
    ["cross_attention_layers", [], /text_config\.cross_attention_layers must be 1 to 40 integers/],
    ["hidden_act", "gelu", /text_config\.hidden_act must be "silu", is "gelu"/],
    ["tie_word_embeddings", true, /text_config\.tie_word_embeddings must be false, is true/],
    ["rms_norm_eps", 0, /text_config\.rms_norm_eps/],
    ["rope_theta", null, /text_config\.rope_theta/],
    [
      "rope_scaling",
      { rope_type: "yarn" },
      /text_config\.rope_scaling\.rope_type must be "llama3" or "default"/,
    ],
    [
      "rope_scaling",
      { rope_type: "llama3", factor: 8 },
      /text_config\.rope_scaling\.low_freq_factor .* is missing/,
    ],
    [
      "rope_scaling",
      { rope_type: "llama3", factor: 8, low_freq_factor: 4, high_freq_factor: 4 },
      /high_freq_factor must be above low_freq_factor \(4\), is 4/,
    ],
    ["auto_map", {}, /text_config\.auto_map/],
  ])("text_config.%s = %j (F10)", (name, value, message) => {
    expectRefusal(({ config }) => config.text_config[name] = value, message);
  });

  test.each<[string, unknown, RegExp]>([
    ["hidden_act", "gelu_pytorch_tanh", /vision_config\.hidden_act must be "gelu"/],
    ["attention_heads", 7, /vision_config\.hidden_size must be 7 heads/],
    ["patch_size", 13, /vision_config\.patch_size must be a divisor of image_size \(560\), is 13/],
    ["num_channels", 4, /vision_config\.num_channels must be 3, is 4/],
    [
      "vision_output_dim",
      1280,
      /vision_config\.vision_output_dim must be an integer from 7680 to 7680, is 1280/,
    ],
    [
      "intermediate_layers_indices",
      [3, 7, 15, 23, 32],
      /vision_config\.intermediate_layers_indices .* 0 to 31/,
    ],
    ["intermediate_layers_indices", [7, 3, 15, 23, 30], /must be strictly rising, is "7, 3, 15, 23, 30"/],
    ["supported_aspect_ratios", [[1, 1], [2, 4]], /arrangements of at most max_num_tiles \(4\) tiles/],
    ["supported_aspect_ratios", [[1, 1], [1, 1]], /free of repetitions/],
    ["supported_aspect_ratios", [[1]], /pairs of integers from 1 to 4, is a list of 1/],
    [
      "image_size",
      448,
      /preprocessor_config\.json": size\.height must be an integer from 448 to 448, is 560/,
    ],
    ["max_num_tiles", 1e9, /vision_config\.max_num_tiles/],
  ])("vision_config.%s = %j", (name, value, message) => {
    expectRefusal(({ config }) => config.vision_config[name] = value, message);
  });

  test.each<[string, unknown, RegExp]>([
    ["eos_token_id", [128001, 128256], /generation_config\.json": eos_token_id .* from 0 to 128255/],
    ["bos_token_id", "x", /bos_token_id must be an integer .* is "x"/],
    ["do_sample", 1, /do_sample must be true or false, is 1/],
    ["top_p", 1.1, /top_p must be a number from 0 to 1, is 1.1/],
  ])("generation_config.json %s = %j", (name, value, message) => {
    expectRefusal((files) => files.generation_config![name] = value, message);
  });

  test.each<[string, unknown, RegExp]>([
    ["image_std", [0.2, 0, 0.2], /image_std must be 3 to 3 numbers from 0.000001/],
    ["image_mean", [0.5], /image_mean must be 3 to 3 numbers/],
    ["resample", 3, /resample must be 2, is 3/],
    ["do_pad", false, /do_pad must be true, is false/],
    ["max_image_tiles", 5, /max_image_tiles must be an integer from 4 to 4, is 5/],
    ["size", { height: 560, width: 561 }, /size\.width must be .* is 561/],
  ])("preprocessor_config.json %s = %j", (name, value, message) => {
    expectRefusal((files) => files.preprocessor_config![name] = value, message);
  });

  test("a directory without image settings", () => {
    expectRefusal(
      (files) => delete files.preprocessor_config,
      /preprocessor_config\.json": the file is missing/,
    );
  });
});
