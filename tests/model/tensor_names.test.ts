import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { elementCount } from "../../src/base/dtype.ts";
import { readConfig } from "../../src/model/config.ts";
import { canonicalName, expectedTensors, type ModelPart } from "../../src/model/tensor_names.ts";

/** Parameters by part. */
function parameters(size: string): Partial<Record<ModelPart, number>> {
  const sums: Partial<Record<ModelPart, number>> = {};
  for (const { part, shape } of expectedTensors(readConfig(join(import.meta.dir, "fixtures", size)))) {
    sums[part] = (sums[part] ?? 0) + elementCount(shape);
  }
  return sums;
}

describe("expectedTensors()", () => {
  // Counts and bytes were taken from the published model class, not from this code.
  test.each([["11b", 906, 21_340_441_670], ["90b", 1494, 177_186_710_646]])(
    "%s has %d tensors and %d bytes in bf16",
    (size, count, bytes) => {
      const tensors = expectedTensors(readConfig(join(import.meta.dir, "fixtures", size)));
      expect(tensors.length).toBe(count);
      expect(new Set(tensors.map(({ name }) => name)).size).toBe(count);
      expect(tensors.reduce((sum, { shape }) => sum + 2 * elementCount(shape), 0)).toBe(bytes);
    },
  );

  test("11B and 90B divide into parts as published", () => {
    expect(parameters("11b")).toEqual({
      vision: 863_567_379,
      projector: 31_461_376,
      embed_tokens: 525_369_344,
      self_layers: 6_979_584_000,
      cross_layers: 1_744_898_064,
      lm_head: 4096 + 525_336_576,
    });
    expect(parameters("90b")).toEqual({
      vision: 863_567_379,
      projector: 62_922_752,
      embed_tokens: 1_050_738_688,
      self_layers: 68_452_352_000,
      cross_layers: 17_113_093_160,
      lm_head: 8192 + 1_050_673_152,
    });
  });
});

describe("canonicalName()", () => {
  const published = [
    "language_model.lm_head.weight",
    "language_model.model.embed_tokens.weight",
    "language_model.model.layers.3.cross_attn_attn_gate",
    "vision_model.class_embedding",
    "multi_modal_projector.bias",
  ];
  test.each([
    ["published", published],
    ["a leading model.", published.map((name) => `model.${name}`)],
    [
      "newer",
      [
        "lm_head.weight",
        "model.language_model.embed_tokens.weight",
        "model.language_model.layers.3.cross_attn_attn_gate",
        "model.vision_model.class_embedding",
        "model.multi_modal_projector.bias",
      ],
    ],
    [
      "headless",
      [
        "lm_head.weight",
        "language_model.embed_tokens.weight",
        "language_model.layers.3.cross_attn_attn_gate",
        "vision_model.class_embedding",
        "multi_modal_projector.bias",
      ],
    ],
  ])("maps %s names to published ones", (_, names) => {
    expect(names.map(canonicalName)).toEqual(published);
  });

  test("leaves other names alone", () => {
    const other = ["model.layers.0.mlp.up_proj.weight", "visual.x", "", "model.", "lm_head"];
    expect(other.map(canonicalName)).toEqual(other);
  });
});
