import { describe, expect, test } from "bun:test";
import { readConfig } from "../../src/model/config.ts";
import { readDecodeBytes } from "../../src/runtime/bench_bytes.ts";
import { median } from "../../src/runtime/bench_report.ts";
import { randomImage, randomPrompt } from "../../src/runtime/bench_requests.ts";
import { checkpointDirectory } from "../support/executable.ts";
import { readSafetensorsFile } from "../support/safetensors_file.ts";

const directory = checkpointDirectory("micro-mllama-f32");
const config = readConfig(directory);

describe("randomPrompt()", () => {
  test("is the sequence that other programs' benches are given", () => {
    const large = { text: { ...config.text, vocabSize: 128_256 }, imageTokenIndex: 128_256 };
    let word = 7n;
    const want = Array.from({ length: 20 }, () => {
      word = (word * 1_664_525n + 1_013_904_223n) % 2n ** 32n;
      return Number(5n + word / 256n % 127_656n);
    });
    expect(randomPrompt(large, 7, 20)).toEqual(want);
    expect(randomPrompt(large, 8, 20)).not.toEqual(want);
  });

  test("never has the image token, whatever the vocabulary", () => {
    for (const vocabSize of [8, 300, 1001, 1400]) {
      const ids = randomPrompt({ text: { ...config.text, vocabSize }, imageTokenIndex: 6 }, 1, 2000);
      expect(ids).not.toContain(6);
      expect(Math.min(...ids)).toBeGreaterThanOrEqual(5);
      expect(Math.max(...ids)).toBeLessThan(vocabSize);
    }
  });
});

test("randomImage() fills an arrangement that the model knows by this id", () => {
  const { supportedAspectRatios, imageSize } = config.vision;
  for (let tiles = 1; tiles <= 4; tiles++) {
    const image = randomImage(config, tiles, tiles);
    expect(supportedAspectRatios[image.aspectRatioId - 1]).toEqual([image.rows, image.columns]);
    expect(image.rows * image.columns).toBe(tiles);
    expect([image.width, image.height]).toEqual([image.columns * imageSize, image.rows * imageSize]);
    expect(image.pixels.length).toBe(image.width * image.height * 3);
    expect(new Set(image.pixels).size).toBeGreaterThan(200);
    expect(image.hash).not.toBe(randomImage(config, tiles + 1, tiles).hash);
  }
  expect(() => randomImage(config, 1, 5)).toThrow("no arrangement of 5 tiles");
});

test("stepBytes() counts weights once, and keys and values of every sequence", () => {
  const tensors = readSafetensorsFile(`${directory}/model.safetensors`);
  const bytes = (pattern: RegExp) =>
    [...tensors].filter(([name]) => pattern.test(name)).reduce(
      (sum, [, { data }]) => sum + data.byteLength,
      0,
    );
  const { stepBytes } = readDecodeBytes(directory);
  // Three self-attention layers, one cross-attention layer, one key/value head of 16: see the checkpoint's config.
  const [keyValue, tableRow] = [2 * 16 * 4, 48 * 4];
  const weights = bytes(/^(?!.*vision).*(layers\.[013]\.|lm_head|language_model\.(model\.)?norm\.)/);
  expect(stepBytes(1, 10, 0)).toBe(weights + tableRow + 10 * 3 * keyValue);
  expect(stepBytes(5, 10, 0)).toBe(weights + 5 * (tableRow + 10 * 3 * keyValue));
  const cross = bytes(/^(?!.*vision).*layers\.2\./) - bytes(/cross_attn\.(k_proj|v_proj|k_norm)/);
  const tile = config.vision.tokensPerTile * keyValue;
  expect(stepBytes(2, 10, 3)).toBe(weights + cross + 2 * (tableRow + 10 * 3 * keyValue + 3 * tile));
});

test("median() takes the middle, or the mean of both", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([5])).toBe(5);
});
