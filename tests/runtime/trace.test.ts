import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ModelNotFoundError, RequestError } from "../../src/base/errors.ts";
import { readConfig } from "../../src/model/config.ts";
import type { TraceOptions } from "../../src/runtime/reports.ts";
import { traceToFile } from "../../src/runtime/trace.ts";
import { relativeL2 } from "../../src/selftest/compare.ts";
import { buildShaders } from "../../tools/build_shaders.ts";
import { expectedTensors, type GoldenCase, goldenCases } from "../support/goldens.ts";
import { readSafetensorsFile } from "../support/safetensors_file.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { goldenPrompt } from "./golden_request.ts";

buildShaders();
const short = goldenCases().filter(({ file }) => file.input_ids.length < 100);
const withoutImages = short.find(({ file }) => file.images.length === 0)!;
const withTwo =
  short.find(({ file }) => file.images.length === 2 && file.images.some((i) => i.num_tiles > 1)) ??
    short.find(({ file }) => file.images.length > 0)!;
const raw = short.find(({ file }) => !file.request);

/** Traces a case into a folder; the report's names and shapes must be the file's. */
async function traceCase(golden: GoldenCase, options: Partial<TraceOptions>) {
  using folder = new TemporaryFolder();
  const out = join(folder.path, "trace.safetensors");
  const report = await traceToFile({
    model: golden.checkpoints[0]!.directory,
    prompt: await goldenPrompt(golden),
    out,
    maxTokens: 0,
    steps: false,
    device: process.env.LLAMAV_DEVICE,
    ...options,
  });
  const tensors = readSafetensorsFile(out);
  expect(report).toEqual({
    out,
    tensors: [...tensors].map(([name, { shape }]) => ({ name, shape })),
  });
  return tensors;
}

function shapes(tensors: Awaited<ReturnType<typeof traceCase>>): Record<string, readonly unknown[]> {
  return Object.fromEntries([...tensors].map(([name, { dtype, shape }]) => [name, [dtype, ...shape]]));
}

describe("traceToFile()", () => {
  test("writes ids and logits, and empty tensors where nothing was generated", async () => {
    const { input_ids: ids } = withoutImages.file;
    const { vocabSize } = readConfig(withoutImages.checkpoints[0]!.directory).text;
    const tensors = await traceCase(withoutImages, {});
    expect(shapes(tensors)).toEqual({
      input_ids: ["I32", ids.length],
      logits: ["F32", ids.length, vocabSize],
      greedy_ids: ["I32", 0],
      step_logits: ["F32", 0, vocabSize],
    });
    expect([...tensors.get("input_ids")!.data as Int32Array]).toEqual([...ids]);
    const expected = expectedTensors(withoutImages);
    if (expected.has("logits.rows")) return;
    expect(relativeL2(tensors.get("logits")!.data as Float32Array, expected.f32("logits"))).toBeLessThan(
      6e-5,
    );
  });

  test("writes the states of every picture and every layer, real tiles only", async () => {
    const { input_ids: ids, images, greedy } = withTwo.file;
    const { vision, text } = readConfig(withTwo.checkpoints[0]!.directory);
    const tensors = await traceCase(withTwo, { maxTokens: 3, steps: true });
    const wanted: Record<string, unknown[]> = {
      input_ids: ["I32", ids.length],
      logits: ["F32", ids.length, text.vocabSize],
      greedy_ids: ["I32", 3],
      step_logits: ["F32", 3, text.vocabSize],
    };
    for (const [i, { num_tiles: tiles }] of images.entries()) {
      const { imageSize, tokensPerTile, visionOutputDim } = vision;
      wanted[`pixel_values.${i}`] = ["F32", tiles, 3, imageSize, imageSize];
      wanted[`vision_features.${i}`] = ["F32", tiles, tokensPerTile, visionOutputDim];
      wanted[`cross_states.${i}`] = ["F32", tiles, tokensPerTile, text.hiddenSize];
    }
    for (let i = 0; i < text.numHiddenLayers; i++) {
      wanted[`hidden.${i}`] = ["F32", ids.length, text.hiddenSize];
    }
    expect(shapes(tensors)).toEqual(wanted);
    expect([...tensors.get("greedy_ids")!.data as Int32Array]).toEqual(greedy.ids.slice(0, 3));
    // The first new id comes from the prompt's last row.
    const logits = tensors.get("logits")!.data as Float32Array;
    const steps = tensors.get("step_logits")!.data as Float32Array;
    expect(steps.slice(0, text.vocabSize)).toEqual(logits.slice(-text.vocabSize));
    expect(relativeL2(steps, expectedTensors(withTwo).f32("greedy.logits").subarray(0, steps.length)))
      .toBeLessThan(
        6e-5,
      );
  });

  test("takes a prompt that is no conversation", async () => {
    if (!raw) return expect(process.env.LLAMAV_GOLDENS).toBeDefined(); // other people's vectors may have none
    const tensors = await traceCase(raw, { maxTokens: 2 });
    expect([...tensors.get("input_ids")!.data as Int32Array]).toEqual([...raw.file.input_ids]);
    expect([...tensors.get("greedy_ids")!.data as Int32Array]).toEqual(raw.file.greedy.ids.slice(0, 2));
  });

  test("writes nothing when the request or the model is refused", async () => {
    using folder = new TemporaryFolder();
    const out = join(folder.path, "trace.safetensors");
    const options = {
      model: withoutImages.checkpoints[0]!.directory,
      prompt: await goldenPrompt(withoutImages),
      out,
      maxTokens: 0,
      steps: false,
      device: process.env.LLAMAV_DEVICE,
    };
    const { length } = withoutImages.file.input_ids;
    const tooLong = traceToFile({ ...options, maxTokens: 1, contextLength: length });
    expect(await tooLong.catch((error) => error)).toBeInstanceOf(RequestError);
    const nowhere = traceToFile({ ...options, model: "/nowhere/to/be/found" });
    expect(await nowhere.catch((error) => error)).toBeInstanceOf(ModelNotFoundError);
    expect(existsSync(out)).toBe(false);
  });

  test("takes a prompt that fills the context when nothing is generated", async () => {
    const { length } = withoutImages.file.input_ids;
    const tensors = await traceCase(withoutImages, { contextLength: length });
    expect(tensors.get("logits")!.shape[0]).toBe(length);
  });
});
