import { expect, test } from "bun:test";
import { cpSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ModelError } from "../../src/base/errors.ts";
import { openRuntime } from "../../src/runtime/runtime.ts";
import { checkWeights } from "../../src/runtime/weight_check.ts";
import { buildShaders } from "../../tools/build_shaders.ts";
import { oddSizes, tinyConfig, tinyWeights, writeTinyCheckpoint } from "../model/tiny_checkpoint.ts";
import { goldenCheckpoints } from "../support/goldens.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { testLimitMs } from "../support/test_limit.ts";

buildShaders();

test("checkWeights() has nothing to say of a sound checkpoint, and tells how far it is (F06)", async () => {
  using folder = writeTinyCheckpoint(oddSizes, tinyWeights(tinyConfig(), 7));
  let last;
  expect(await checkWeights(folder.path, (progress) => last = progress)).toEqual([]);
  expect(last).toMatchObject({ stage: "check of the weights", unit: "bytes" });
});

test("checkWeights() names what is spoiled, up to three tensors of a kind (F06)", async () => {
  const values = tinyWeights(tinyConfig(), 7);
  const names = [...values.keys()].filter((name) => name.includes("self_attn"));
  for (const name of names.slice(0, 5)) values.get(name)![1] = Infinity;
  values.get("language_model.lm_head.weight")!.fill(0);
  using folder = writeTinyCheckpoint(oddSizes, values);
  const [spoiled, zero, ...others] = await checkWeights(folder.path);
  expect(spoiled).toMatch(/^Tensors hold NaN or infinity, .*: \S+, \S+, \S+ and 2 more; fetch/);
  expect(zero).toMatch(/^Tensors are zero throughout, .*: language_model\.lm_head\.weight; fetch/);
  expect(others).toEqual([]);
});

test("checkWeights() refuses a file that ends early", async () => {
  using folder = writeTinyCheckpoint(oddSizes, tinyWeights(tinyConfig(), 7));
  truncateSync(join(folder.path, "model.safetensors"), 20_000);
  expect(await checkWeights(folder.path).catch((error) => error)).toBeInstanceOf(ModelError);
});

test(
  "openRuntime() notes a weight that is no number where it is asked to look, and runs all the same (F06)",
  async () => {
    using folder = new TemporaryFolder();
    const model = join(folder.path, "spoiled");
    cpSync(goldenCheckpoints().find(({ name }) => name === "micro-mllama-f32")!.directory, model, {
      recursive: true,
    });
    const weights = readFileSync(join(model, "model.safetensors"));
    weights.writeFloatLE(NaN, weights.length - 4);
    writeFileSync(join(model, "model.safetensors"), weights);
    const notesOf = async (checkTensors: boolean | undefined) => {
      const options = {
        model,
        device: process.env.LLAMAV_DEVICE,
        pipelineCache: undefined,
        contextLength: 64,
      };
      const runtime = await openRuntime({ ...options, checkTensors });
      await runtime.close();
      return runtime.model.notes.filter((note) => note.startsWith("Tensors "));
    };
    expect(await notesOf(true)).toEqual([expect.stringContaining("Tensors hold NaN or infinity")]);
    expect(await notesOf(undefined)).toEqual([]);
  },
  testLimitMs,
);
