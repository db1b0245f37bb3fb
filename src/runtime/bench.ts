import os from "node:os";
import process from "node:process";
import { RequestError } from "../base/errors.ts";
import type { EngineOptions } from "../engine/protocol.ts";
import type { MllamaConfig } from "../model/config.ts";
import { type DecodeBytes, readDecodeBytes } from "./bench_bytes.ts";
import { type BenchOptions, type BenchReport, type BenchRow, median } from "./bench_report.ts";
import { BenchStages, openTimed, type TimedOpen } from "./bench_stages.ts";
import { measureStream } from "./bench_stream.ts";
import { cacheDirectory } from "./cache_directory.ts";
import { modelDirectory } from "./models.ts";

/**
 * Measures a model on a device: what the device reads at most, loading, the vision tower, prompts, and decoding with
 * and without a picture. Works on token ids, so a checkpoint needs no tokenizer.
 *
 * @throws What opening device or model throws: see `Engine.open`.
 * @throws {RequestError} If prompts and answers are longer than the model's context.
 */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const { device, repeat, onProgress = () => {} } = options;
  const model = modelDirectory(options.model);
  const decodeBytes = readDecodeBytes(model);
  const sizes = chooseSizes(options, decodeBytes.config);
  onProgress("streaming read");
  const stream = measureStream(device, repeat);
  const peak = stream.bytes / median(stream.runs);
  const rows = [byteRow("stream", `${stream.bytes / 2 ** 20} MiB`, stream.bytes, stream.runs)];

  onProgress("load");
  const engineOptions = { model, device, pipelineCache: cacheDirectory(), ...sizes.engine };
  const { engine, bytes, runs } = await load(engineOptions, repeat);
  try {
    const { info } = engine;
    const head = {
      model: options.model,
      device: info.device,
      driver: info.driver,
      machine: describeMachine(),
      settings: {
        prompts: options.prompts,
        batches: sizes.batches,
        tiles: sizes.tiles,
        tokens: options.tokens,
        repeat,
        contextLength: info.contextLength,
      },
    };
    const take = (row: BenchRow) => {
      rows.push(row);
      options.onRows?.({ ...head, rows: [...rows] });
    };
    take(withShare(byteRow("load", "weights", bytes, runs), bytes, peak));
    const stages = new BenchStages(engine, decodeBytes.config);
    await measureImages(stages, options, sizes, take);
    await measurePrefill(stages, options, take);
    const greedy = await measureDecode(stages, options, decodeBytes, sizes, peak, take);
    return { ...head, rows, greedy };
  } finally {
    await engine.close();
  }
}

interface Sizes {
  /** One, then what was asked for. */
  readonly batches: readonly number[];
  /** Of pictures; none, empty. */
  readonly tiles: readonly number[];
  /** Steps for which a sequence may wait for the others of its batch. */
  readonly spare: number;
  readonly engine: Pick<EngineOptions, "contextLength" | "kvTokens" | "maxSequences">;
}

/** Just the room that the runs need, so that large models leave it to their weights. */
function chooseSizes(options: BenchOptions, { text, vision }: MllamaConfig): Sizes {
  const { prompts, batches: asked, tokens } = options;
  const batches = [...new Set([1, ...asked])];
  const most = Math.max(...batches);
  // Sequences begin together, but for the messages that bring them and for rows that fill no block of the text cache.
  const spare = 32 + most * (prompts[0]! % 16);
  const contextLength = Math.max(16, Math.max(...prompts) + 2, prompts[0]! + tokens + spare + 2);
  if (contextLength > text.maxPositionEmbeddings) {
    throw new RequestError(
      `The longest run takes ${contextLength} positions, the model has ${text.maxPositionEmbeddings}`,
      { remedy: "Lower --prompt, --max-tokens or --batch" },
    );
  }
  const longest = Math.max(...prompts) + 2;
  const kvTokens = Math.max(contextLength, longest + most * contextLength);
  const tiles = chooseTiles(options.tiles, vision);
  return { batches, tiles, spare, engine: { contextLength, kvTokens, maxSequences: most } };
}

function chooseTiles(asked: BenchOptions["tiles"], { maxNumTiles }: MllamaConfig["vision"]): number[] {
  if (asked === undefined) return Array.from({ length: maxNumTiles }, (_, i) => i + 1);
  const largest = Math.max(...asked);
  if (largest > maxNumTiles) {
    throw new RequestError(
      `A picture has at most ${plural(maxNumTiles, "tile")} in this model, not ${largest}`,
      {
        remedy: "Lower --tiles",
      },
    );
  }
  return [...new Set(asked)].filter((count) => count > 0);
}

async function load(
  options: EngineOptions,
  repeat: number,
): Promise<Pick<TimedOpen, "engine" | "bytes"> & { readonly runs: readonly number[] }> {
  const runs: number[] = [];
  for (let run = 0;; run++) {
    const { engine, bytes, ms } = await openTimed(options);
    if (run > 0) runs.push(ms);
    if (run === repeat) return { engine, bytes, runs };
    await engine.close();
  }
}

/** One run to warm up, then those that count. */
async function repeated(repeat: number, run: () => Promise<number>): Promise<number[]> {
  await run();
  const runs: number[] = [];
  while (runs.length < repeat) runs.push(await run());
  return runs;
}

/** Hears of a row as soon as it was measured. */
type TakeRow = (row: BenchRow) => void;

async function measureImages(
  stages: BenchStages,
  { repeat, onProgress = () => {} }: BenchOptions,
  sizes: Sizes,
  take: TakeRow,
): Promise<void> {
  for (const tiles of sizes.tiles) {
    onProgress(`image of ${plural(tiles, "tile")}`);
    const runs = await repeated(repeat, () => stages.image(tiles));
    take(row("image", plural(tiles, "tile"), runs, tiles, "tiles/s"));
  }
}

async function measurePrefill(
  stages: BenchStages,
  { prompts, repeat, onProgress = () => {} }: BenchOptions,
  take: TakeRow,
): Promise<void> {
  for (const length of new Set(prompts)) {
    onProgress(`prompt of ${length} tokens`);
    const runs = await repeated(repeat, () => stages.prefill(length));
    take(row("prefill", plural(length, "token"), runs, length, "tokens/s"));
  }
}

/** @returns the greedy tokens after the first prompt */
async function measureDecode(
  stages: BenchStages,
  { prompts: [length = 1], tokens, repeat, onProgress = () => {} }: BenchOptions,
  { stepBytes }: DecodeBytes,
  { batches, tiles: pictures, spare }: Sizes,
  peak: number,
  take: TakeRow,
): Promise<BenchReport["greedy"]> {
  let greedy: BenchReport["greedy"] | undefined;
  for (const tiles of pictures.length > 0 ? [0, Math.max(...pictures)] : [0]) {
    for (const batch of batches) {
      const shape = `batch ${batch}, ${tiles > 0 ? plural(tiles, "tile") : "text"}`;
      onProgress(`decode, ${shape}`);
      const prompts = await stages.prompts(batch, length, tiles);
      const runs = await repeated(repeat, async () => {
        const { ms, tokens: chosen } = await stages.decode(prompts, tokens, spare);
        const [{ tokens: prompt }] = prompts as [typeof prompts[0]];
        greedy ??= { prompt: prompt.slice(0, length), tokens: [...prompt.slice(length), ...chosen] };
        return ms;
      });
      // The step in the middle reads the keys and values of the prompt and of half of the tokens after it.
      const bytes = stepBytes(batch, length + 1 + (tokens + 1) / 2, tiles);
      take(withShare(row("decode", shape, runs, batch, "tokens/s"), bytes, peak));
    }
  }
  return greedy!;
}

function row(
  stage: BenchRow["stage"],
  shape: string,
  runs: readonly number[],
  count: number,
  unit: BenchRow["unit"],
): BenchRow {
  const ms = median(runs);
  return { stage, shape, ms, rate: count / ms * 1000, unit, runs };
}

function byteRow(stage: BenchRow["stage"], shape: string, bytes: number, runs: readonly number[]): BenchRow {
  return row(stage, shape, runs, bytes / 1e9, "GB/s");
}

/** @param peak bytes that the device reads in a millisecond */
function withShare(given: BenchRow, bytes: number, peak: number): BenchRow {
  const { ms } = given;
  return { ...given, bytes, gigabytesPerSecond: bytes / ms / 1e6, streamShare: bytes / ms / peak };
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function describeMachine(): BenchReport["machine"] {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() ?? "unknown",
    cores: cpus.length,
    system: `${process.platform} ${process.arch}`,
  };
}
