import { readFileSync } from "node:fs";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineImage, EngineOptions, TraceResult } from "../../src/engine/protocol.ts";
import { trace } from "../../src/engine/trace.ts";
import { decodeImage } from "../../src/images/decode.ts";
import { prepareImage } from "../../src/images/tiles.ts";
import { type GoldenCase, type GoldenCheckpoint, goldenImagePath } from "../support/goldens.ts";
import { openTestDevice } from "../support/gpu.ts";

/** An engine on the shared test device whose every row can give logits. `dispose` its runner only: the device stays. */
export function openGoldenEngine(checkpoint: GoldenCheckpoint, options: Partial<EngineOptions> = {}): Engine {
  const chunkSize = options.chunkSize ?? 256;
  return Engine.open(
    { model: checkpoint.directory, contextLength: 1024, outputRows: chunkSize, imageTiles: 16, ...options, chunkSize },
    undefined,
    () => openTestDevice(),
  );
}

/** The pictures of a case as the engine takes them. */
export function goldenImages(engine: Engine, golden: GoldenCase): Promise<EngineImage[]> {
  const { image } = engine.config;
  const size = { tileSize: image.size, maxTiles: image.maxImageTiles };
  return Promise.all(golden.file.images.map(async ({ file }) => {
    const bytes = new Uint8Array(readFileSync(goldenImagePath(file)));
    return prepareImage(await decodeImage(bytes), size);
  }));
}

/** Runs a case from its stored ids. */
export async function traceGolden(engine: Engine, golden: GoldenCase, steps: boolean): Promise<TraceResult> {
  const images = await goldenImages(engine, golden);
  const { input_ids: tokens, greedy } = golden.file;
  return trace(engine, { id: 1, tokens, images, maxTokens: greedy.ids.length, steps });
}
