import { afterAll } from "bun:test";
import { readFileSync } from "node:fs";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineImage, EngineOptions } from "../../src/engine/protocol.ts";
import { decodeImage } from "../../src/images/decode.ts";
import { prepareImage } from "../../src/images/tiles.ts";
import { type GoldenCase, goldenCases, type GoldenCheckpoint, goldenImagePath } from "../support/goldens.ts";
import { openTestDevice } from "../support/gpu.ts";
import { asDiscrete } from "../support/limited_device.ts";

/** A case on one of its checkpoints. */
export interface GoldenRun {
  readonly label: string;
  readonly golden: GoldenCase;
  readonly checkpoint: GoldenCheckpoint;
}

/** Every case on every checkpoint that must give its numbers, checkpoint by checkpoint. */
export function goldenRuns(): GoldenRun[] {
  const runs = goldenCases().flatMap((golden) =>
    golden.checkpoints.map((checkpoint) => ({
      label: `${checkpoint.name} ${golden.family}/${golden.name}`,
      golden,
      checkpoint,
    }))
  );
  return runs.sort((a, b) =>
    a.checkpoint.name < b.checkpoint.name ? -1 : a.checkpoint.name > b.checkpoint.name ? 1 : 0
  );
}

/** What must not change the numbers; `discrete` makes the device look like a graphics card. */
export type GoldenVariant =
  & { readonly discrete?: boolean }
  & Pick<EngineOptions, "chunkSize" | "deduplicate" | "maxSequences" | "imageTiles" | "prefixCache">;

let current: { key: string; engine: Engine } | undefined;

/**
 * An engine on the shared test device, large enough for every case of the checkpoint. One is kept open: runs of
 * one checkpoint and one variant should follow each other.
 */
export function goldenEngine(
  checkpoint: GoldenCheckpoint,
  { discrete = false, ...variant }: GoldenVariant = {},
): Engine {
  const key = JSON.stringify([checkpoint.directory, discrete, variant]);
  if (current?.key === key) return current.engine;
  closeGoldenEngine();
  const cases = goldenCases().filter(({ checkpoints }) =>
    checkpoints.some(({ name }) => name === checkpoint.name)
  );
  const longest = Math.max(1, ...cases.map(({ file }) => file.input_ids.length + file.greedy.ids.length));
  const tiles = Math.max(
    4,
    ...cases.map(({ file }) => file.images.reduce((sum, image) => sum + image.num_tiles, 0)),
  );
  const chunkSize = variant.chunkSize ?? 256;
  const engine = Engine.open(
    {
      model: checkpoint.directory,
      contextLength: longest,
      imageTiles: tiles,
      outputRows: chunkSize,
      ...variant,
      chunkSize,
    },
    undefined,
    discrete ? asDiscrete(openTestDevice()) : openTestDevice(),
  );
  current = { key, engine };
  return engine;
}

/** Frees the engine that is open; the device stays. */
export function closeGoldenEngine(): void {
  current?.engine.dispose();
  current = undefined;
}

/** Registers the clean-up of a test file that uses `goldenEngine`. */
export function useGoldenEngines(): void {
  openTestDevice();
  afterAll(closeGoldenEngine);
}

/** The pictures of a case as the engine takes them. */
export function goldenImages({ config }: Pick<Engine, "config">, golden: GoldenCase): Promise<EngineImage[]> {
  const { size: tileSize, maxImageTiles: maxTiles } = config.image;
  return Promise.all(golden.file.images.map(async ({ file }) => {
    const bytes = new Uint8Array(readFileSync(goldenImagePath(file)));
    return prepareImage(await decodeImage(bytes), { tileSize, maxTiles });
  }));
}
