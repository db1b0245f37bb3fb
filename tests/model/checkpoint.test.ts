import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ModelError, ModelNotFoundError } from "../../src/base/errors.ts";
import { openCheckpoint } from "../../src/model/checkpoint.ts";
import { expectedTensors } from "../../src/model/tensor_names.ts";
import { firstDifference } from "../../src/selftest/compare.ts";
import { encodeWeight } from "../../src/selftest/weight_bytes.ts";
import { safetensorsBytes } from "../support/safetensors_file.ts";
import {
  oddSizes,
  type TensorValues,
  tinyConfig,
  tinyFolder,
  tinyWeights,
  writeTinyCheckpoint,
} from "./tiny_checkpoint.ts";

const config = tinyConfig();
const values = tinyWeights(config, 51);
const { tokensPerTile, hiddenSize, maxNumTiles, supportedAspectRatios } = config.vision;

/** The position tables, and the values of one tile in each. */
const tables: readonly [name: string, slot: number][] = [
  ["vision_model.gated_positional_embedding.tile_embedding.weight", tokensPerTile * hiddenSize],
  ["vision_model.pre_tile_positional_embedding.embedding.weight", hiddenSize],
  ["vision_model.post_tile_positional_embedding.embedding.weight", hiddenSize],
];

function withValue(name: string, index: number, value: number): TensorValues {
  const changed = new Map(values);
  changed.set(name, values.get(name)!.slice());
  changed.get(name)![index] = value;
  return changed;
}

function unusedSlotsAreZero(weights: TensorValues): boolean {
  using folder = writeTinyCheckpoint(oddSizes, weights);
  const checkpoint = openCheckpoint(folder.path);
  checkpoint.weights.close();
  return checkpoint.unusedSlotsAreZero;
}

/** A safetensors file of 16-bit values. */
function halfFile(weights: TensorValues, dtype: "bf16" | "f16"): Uint8Array {
  let end = 0;
  const parts: Uint8Array[] = [];
  const entries = expectedTensors(config).map(({ name, shape }) => {
    const { bytes } = encodeWeight(dtype, weights.get(name)!);
    parts.push(bytes);
    const entry = { dtype: dtype.toUpperCase(), shape, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
    return [name, entry];
  });
  return safetensorsBytes(JSON.stringify(Object.fromEntries(entries)), Buffer.concat(parts));
}

/** Files that this process has open, where the system tells. */
function openFiles(): number {
  return existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : 0;
}

describe("openCheckpoint()", () => {
  test("gives configuration and weights by their published names", () => {
    using folder = writeTinyCheckpoint(oddSizes, values);
    const { config, weights } = openCheckpoint(folder.path);
    const info = weights.tensors.get("language_model.lm_head.weight")!;
    const bytes = weights.read(info);
    weights.close();
    expect(config.imageTokenIndex).toBe(40);
    expect(firstDifference(new Float32Array(bytes.buffer), values.get(info.name)!)).toBe(-1);
  });

  test("says that unused slots are zero, minus zero included", () => {
    expect(unusedSlotsAreZero(values)).toBe(true);
    const [name, slot] = tables[1]!;
    expect(unusedSlotsAreZero(withValue(name, (1 * maxNumTiles + 1) * slot, -0))).toBe(true);
  });

  for (const [name, slot] of tables) {
    test(`sees every unused slot of ${name}`, () => {
      for (const [i, [rows, columns]] of supportedAspectRatios.entries()) {
        const row = (i + 1) * maxNumTiles;
        const unused = rows * columns < maxNumTiles ? [row + rows * columns, row + maxNumTiles - 1] : [];
        for (const tile of unused) {
          expect({ i, tile, zero: unusedSlotsAreZero(withValue(name, tile * slot, 1e-40)) }).toEqual({
            i,
            tile,
            zero: false,
          });
          expect(unusedSlotsAreZero(withValue(name, (tile + 1) * slot - 1, NaN))).toBe(false);
        }
      }
    });

    test(`does not look at the used ones of ${name}, nor at the row of no image`, () => {
      for (const tile of [0, maxNumTiles - 1, maxNumTiles]) {
        expect(unusedSlotsAreZero(withValue(name, tile * slot, 7))).toBe(true);
      }
    });
  }

  for (const dtype of ["bf16", "f16"] as const) {
    test(`looks at ${dtype} tables, too`, () => {
      const [name, slot] = tables[2]!;
      const open = (weights: TensorValues) => {
        using folder = tinyFolder();
        folder.write("model.safetensors", halfFile(weights, dtype));
        const checkpoint = openCheckpoint(folder.path);
        checkpoint.weights.close();
        return checkpoint.unusedSlotsAreZero;
      };
      expect(open(values)).toBe(true);
      expect(open(withValue(name, (maxNumTiles + 1) * slot, -0))).toBe(true);
      expect(open(withValue(name, (maxNumTiles + 1) * slot, 0.25))).toBe(false);
    });
  }

  test("leaves no file open when it refuses, and refuses by the class that says why", () => {
    using folder = writeTinyCheckpoint(oddSizes, values);
    const path = join(folder.path, "config.json");
    const changed = readFileSync(path, "utf8").replace('"intermediate_size":37', '"intermediate_size":36');
    folder.write("config.json", changed);
    const before = openFiles();
    for (let i = 0; i < 5; i++) expect(() => openCheckpoint(folder.path)).toThrow(ModelError);
    rmSync(join(folder.path, "model.safetensors"));
    for (let i = 0; i < 5; i++) expect(() => openCheckpoint(folder.path)).toThrow(ModelError);
    rmSync(join(folder.path, "config.json"));
    for (let i = 0; i < 5; i++) expect(() => openCheckpoint(folder.path)).toThrow(ModelNotFoundError);
    expect(openFiles()).toBe(before);
  });
});
