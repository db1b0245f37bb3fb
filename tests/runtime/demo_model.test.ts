import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { openCheckpoint } from "../../src/model/checkpoint.ts";
import { modelDirectory } from "../../src/runtime/models.ts";
import { openFrontend } from "../../src/runtime/prompt.ts";
import { repositoryRoot } from "../support/repository.ts";

test("modelDirectory() knows where the demo lies, and leaves other models alone", () => {
  expect(modelDirectory("demo")).toBe(join(repositoryRoot, "models/llamav-demo"));
  expect(modelDirectory("./demo")).toBe("./demo");
  expect(modelDirectory("")).toBe("");
});

test("the demo is a whole checkpoint of at most 24 MB, called llamav-demo", () => {
  const directory = modelDirectory("demo");
  const frontend = openFrontend(directory);
  const { weights, config, unusedSlotsAreZero } = openCheckpoint(directory);
  weights.close();
  frontend.pictures.close();
  expect({ id: frontend.id, notes: frontend.notes }).toEqual({ id: "llamav-demo", notes: [] });
  expect([...new Set([...weights.tensors.values()].map(({ dtype }) => dtype))]).toEqual(["bf16"]);
  expect(statSync(join(directory, "model.safetensors")).size).toBeLessThanOrEqual(24e6);
  // As in the published checkpoints: the image token has a row of its own behind the vocabulary.
  expect(config.imageTokenIndex).toBe(config.text.vocabSize);
  expect(config.vision.maxNumTiles).toBeGreaterThan(1);
  expect(unusedSlotsAreZero).toBe(true);
});

test("openFrontend() takes fewer tiles than the model knows, never more", () => {
  const directory = modelDirectory("demo");
  const tiles = [undefined, 1, 2, 4, 9].map((maxTiles) => openFrontend(directory, { maxTiles }).maxTiles);
  expect(tiles).toEqual([4, 1, 2, 4, 4]);
});
