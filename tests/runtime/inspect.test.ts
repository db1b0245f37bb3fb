import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ModelError, ModelNotFoundError, RequestError } from "../../src/base/errors.ts";
import { expectedTensors } from "../../src/model/tensor_names.ts";
import { inspectModel, type InspectOptions } from "../../src/runtime/inspect.ts";
import {
  oddSizes,
  tinyConfig,
  tinyFolder,
  tinyWeights,
  writeTinyCheckpoint,
} from "../model/tiny_checkpoint.ts";
import { goldenCheckpoints } from "../support/goldens.ts";
import { readSafetensorsFile } from "../support/safetensors_file.ts";

const device = process.env.LLAMAV_DEVICE;
const config = tinyConfig();
const values = tinyWeights(config, 41);

describe("inspectModel()", () => {
  test("counts every tensor once, by part, and adds up what the tiny model takes", () => {
    using folder = writeTinyCheckpoint(oddSizes, values);
    const { parts, tensorCount, tensorBytes, plan, planProblem, warnings, path } = inspectModel({
      model: folder.path,
      device,
    });
    expect(path).toBe(folder.path);
    expect(parts.map(({ name, tensorCount }) => [name, tensorCount])).toEqual([
      ["vision", 13 + 2 * 12 + 14],
      ["projector", 2],
      ["embed tokens", 1],
      ["self layers", 2 * 9],
      ["cross layers", 13],
      ["lm head", 2],
    ]);
    expect(tensorCount).toBe(expectedTensors(config).length);
    expect(tensorBytes).toBe([...values.values()].reduce((sum, { byteLength }) => sum + byteLength, 0));
    expect(parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(tensorBytes);
    expect([planProblem, warnings]).toEqual([undefined, []]);
    expect(plan!.fits).toBe(true);
    expect(plan!.contextLength).toBe(64); // the model's most, below the default
    expect(plan!.allocations.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(plan!.totalBytes);
    expect(plan!.allocations.map(({ name }) => name)).toEqual([
      "weights",
      "text cache",
      "image cache",
      "working memory",
    ]);
    // Two self-attention layers, keys and values, 64 slots of one head of 8 f32, for two sequences or four.
    expect([2, 4]).toContain(plan!.allocations[1]!.bytes / (2 * 2 * 64 * 8 * 4));
    // One cross-attention layer, 16 tiles of 5 tokens.
    expect(plan!.allocations[2]!.bytes).toBe(2 * 16 * 5 * 8 * 4);
  });

  for (const { name, directory } of goldenCheckpoints()) {
    test(`says of ${name} what its files hold`, () => {
      const { tensorCount, tensorBytes, facts } = inspectModel({ model: directory, device });
      const files = readdirSync(directory).filter((name) => name.endsWith(".safetensors"));
      const tensors = files.flatMap((file) => [...readSafetensorsFile(join(directory, file)).values()]);
      expect(tensorCount).toBe(tensors.length);
      expect(tensorBytes).toBe(tensors.reduce((sum, { data }) => sum + data.byteLength, 0));
      const parameters = tensors.reduce((sum, { data }) => sum + data.length, 0);
      const told = Object.fromEntries(facts).parameters!.split(", ").map((part) =>
        Number(part.replace(/ .*/, "").replaceAll(",", ""))
      );
      expect(told.some(Number.isNaN) ? told : told.reduce((sum, count) => sum + count)).toBe(parameters);
    });
  }

  test("says why there is no plan when no device can be opened", () => {
    using folder = writeTinyCheckpoint(oddSizes, values);
    const { plan, planProblem, tensorCount } = inspectModel({ model: folder.path, device: "no such device" });
    expect([plan, tensorCount > 0]).toEqual([undefined, true]);
    expect(planProblem).toContain("no such device");
  });

  test("plans the text cache and the sequences that are asked for", () => {
    using folder = writeTinyCheckpoint(oddSizes, values);
    const plan = (more: Partial<InspectOptions>) => {
      const { plan } = inspectModel({
        model: folder.path,
        device,
        contextLength: 48,
        maxSequences: 2,
        ...more,
      });
      const bytes = (name: RegExp) =>
        plan!.allocations.filter((part) => name.test(part.name)).reduce((sum, part) => sum + part.bytes, 0);
      return { cache: bytes(/text cache/), rest: plan!.totalBytes - bytes(/text cache/) };
    };
    const small = plan({ kvTokens: 48 });
    const large = plan({ kvTokens: 96 });
    expect(large).toEqual({ cache: 2 * small.cache, rest: small.rest });
    expect(plan({ kvTokens: 48, maxSequences: 8 }).rest).toBeGreaterThan(small.rest);
  });

  test("warns when missing tiles cannot be computed once", () => {
    const changed = new Map(values);
    const table = "vision_model.post_tile_positional_embedding.embedding.weight";
    changed.set(table, values.get(table)!.slice().fill(0.5));
    using folder = writeTinyCheckpoint(oddSizes, changed);
    expect(inspectModel({ model: folder.path, device }).warnings.length).toBe(1);
  });

  test("refuses a context that the model does not have, a missing model and a damaged one", () => {
    using folder = writeTinyCheckpoint(oddSizes, values);
    using empty = tinyFolder();
    expect(() => inspectModel({ model: folder.path, device, contextLength: 65 })).toThrow(RequestError);
    expect(() => inspectModel({ model: "/nowhere/to/be/found", device })).toThrow(ModelNotFoundError);
    expect(() => inspectModel({ model: empty.path, device })).toThrow(ModelError);
  });
});
