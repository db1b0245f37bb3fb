import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineImage } from "../../src/engine/protocol.ts";
import { trace } from "../../src/engine/trace.ts";
import { openCheckpoint } from "../../src/model/checkpoint.ts";
import { writeSafetensors } from "../../src/weights/safetensors_writer.ts";
import { toFloat32 } from "../../src/model/float_formats.ts";
import { relativeL2 } from "../../src/selftest/compare.ts";
import { openTestDevice } from "../support/gpu.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { goldenImages, goldenRuns, useGoldenEngines } from "./golden_engine.ts";

/** A difference that f32 noise (1e-6) cannot make: what is changed reaches the logits. */
const noticeable = 1e-4;

useGoldenEngines();
const { golden, checkpoint } = goldenRuns().find(({ golden: { file: { images } } }) =>
  images.length === 1 && images[0]!.num_tiles > 1
)!;
const source = checkpoint.directory;

async function logits(directory: string, change = (image: EngineImage) => image): Promise<Float32Array> {
  const engine = Engine.open(
    { model: directory, chunkSize: 64, outputRows: 64, imageTiles: 4 },
    undefined,
    openTestDevice(),
  );
  try {
    const images = (await goldenImages(engine, golden)).map(change);
    const request = { id: 1, tokens: golden.file.input_ids, images, maxTokens: 0, steps: false };
    return trace(engine, request).logits.data;
  } finally {
    engine.dispose();
  }
}

/** A copy of the checkpoint with one tensor changed. */
function changedCheckpoint(name: string, change: (values: Float32Array) => void): TemporaryFolder {
  const files = ["config.json", "generation_config.json", "preprocessor_config.json"].flatMap((file) => {
    try {
      return [[file, readFileSync(join(source, file))]];
    } catch {
      return []; // not every checkpoint has every file
    }
  });
  const folder = new TemporaryFolder(Object.fromEntries(files));
  const { weights } = openCheckpoint(source);
  const tensors = [...weights.tensors.entries()].map(([published, info]) => {
    const data = toFloat32(weights.read(info), info.dtype);
    if (published === name) change(data);
    return { name: published, dtype: "f32" as const, shape: info.shape, data };
  });
  weights.close();
  writeSafetensors(join(folder.path, "model.safetensors"), tensors);
  return folder;
}

describe("logits change with", () => {
  test("one pixel", async () => {
    const changed = await logits(source, (image) => {
      const pixels = image.pixels.slice();
      pixels[0]! ^= 0x80;
      return { ...image, pixels };
    });
    expect(relativeL2(changed, await logits(source))).toBeGreaterThan(noticeable);
  });

  test("the arrangement's id", async () => {
    const changed = await logits(
      source,
      (image) => ({ ...image, aspectRatioId: image.aspectRatioId % 8 + 1 }),
    );
    expect(relativeL2(changed, await logits(source))).toBeGreaterThan(noticeable);
  });

  const { weights } = openCheckpoint(source);
  const gates = [...weights.tensors.keys()].filter((name) => /gate(_attn|_ffn)?$/.test(name));
  weights.close();
  for (const gate of gates) {
    test(gate, async () => {
      using folder = changedCheckpoint(gate, (values) => values[0]! += 0.5);
      expect(relativeL2(await logits(folder.path), await logits(source))).toBeGreaterThan(noticeable);
    });
  }

  test("nothing when nothing changes", async () => {
    using folder = changedCheckpoint("", () => {});
    expect(relativeL2(await logits(folder.path), await logits(source))).toBe(0);
  });
});
