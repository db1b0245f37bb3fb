import { Lru } from "../base/lru.ts";
import type { Device } from "../gpu/device.ts";
import { Arena } from "../gpu/memory.ts";
import { Recorder, type Recording } from "../gpu/recorder.ts";
import { allocateCache, type Caches } from "../model/caches.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { loadWeights, type WeightPlan } from "../model/load.ts";
import { ropeFrequencies } from "../model/rope_frequencies.ts";
import { allocate, type ShapeTable, tableBytes } from "../model/shapes.ts";
import { recordText, type TextModel, type TextScratch } from "../model/text.ts";
import { recordVision, type VisionScratch } from "../model/vision.ts";
import { visionLayout } from "../model/vision_layout.ts";
import type { MllamaWeights } from "../model/weights.ts";
import { type Step, StepBuffer } from "./batch.ts";
import type { Capture } from "./capture.ts";
import type { EngineImage } from "./protocol.ts";
import { Results } from "./results.ts";
import { batchLimits, type RunnerLimits, runnerTables } from "./runner_layout.ts";
import type { Output, OutputMode } from "./sampler.ts";

/** Recordings kept; the least recently used one is freed. */
const recordingLimit = 48;

/** Everything on the device for one model: computes images and steps, knows nothing of queues or sampling. */
export class Runner {
  readonly #device: Device;
  readonly #checkpoint: Checkpoint;
  readonly #weights: MllamaWeights;
  readonly #arenas: Arena[] = [];
  readonly #caches: Caches;
  readonly #inputs: Arena;
  readonly #vision: VisionScratch;
  readonly #text: TextScratch;
  readonly #model: TextModel;
  readonly #batch: StepBuffer;
  readonly #results: Results;
  readonly #recordings = new Lru<Recording>(recordingLimit, (recording) => recording.dispose());

  /**
   * Allocates and loads.
   *
   * @param weightPlan of this checkpoint; it and the limits are known to fit the device
   * @param onProgress called with checkpoint bytes read so far and in all
   * @throws {DeviceError} If the device's memory is taken by others.
   * @throws {ModelError} If the checkpoint is damaged.
   */
  constructor(
    device: Device,
    checkpoint: Checkpoint,
    readonly limits: RunnerLimits,
    weightPlan: WeightPlan,
    onProgress?: (done: number, total: number) => void,
  ) {
    const { config } = checkpoint;
    this.#device = device;
    this.#checkpoint = checkpoint;
    const tables = runnerTables(config, limits);
    try {
      this.#caches = {
        self: allocateCache(this.#arena("text cache", "device", tables.textCache), tables.textCache),
        cross: allocateCache(this.#arena("image cache", "device", tables.imageCache), tables.imageCache),
      };
      const scratch = this.#arena("working memory", "device", tables.vision, tables.text);
      this.#inputs = this.#arena("inputs", "shared", tables.visionInputs, tables.steps, tables.constants);
      this.#vision = { ...allocate(this.#inputs, tables.visionInputs), ...allocate(scratch, tables.vision) };
      this.#text = allocate(scratch, tables.text);
      this.#batch = new StepBuffer(this.#inputs, batchLimits(config, limits), limits.blockSize);
      this.#results = new Results(
        this.#arena("results", "readback", tables.results),
        config,
        limits.outputRows,
      );
      const { inverseFrequencies } = allocate(this.#inputs, tables.constants);
      this.#inputs.view(inverseFrequencies).set(bytesOf(ropeFrequencies(config.text)));
      const { weights, arena } = loadWeights(config, checkpoint.weights, weightPlan, device, onProgress);
      this.#arenas.push(arena);
      this.#weights = weights;
      this.#model = { config, weights: weights.text, inverseFrequencies, blockSize: limits.blockSize };
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Computes an image's keys and values into the image cache's `tiles`, given in tile order. */
  encodeImage(image: EngineImage, tiles: readonly number[], capture?: Capture): void {
    const { config } = this.#checkpoint;
    const { tokensPerTile } = config.vision;
    const tileCount = image.rows * image.columns;
    const deduplicate = this.limits.deduplicate && this.#checkpoint.unusedSlotsAreZero;
    const layout = visionLayout(config.vision, tileCount, deduplicate);
    const slots = tiles.flatMap((tile) =>
      Array.from({ length: tokensPerTile }, (_, i) => tile * tokensPerTile + i)
    );

    this.#inputs.view(this.#vision.pixels).set(image.pixels);
    this.#inputs.view(this.#vision.rows).set(bytesOf(layout.rows));
    this.#inputs.view(this.#vision.keyBias).set(bytesOf(layout.keyBias));
    this.#inputs.view(this.#vision.slots).set(bytesOf(Uint32Array.from(slots)));
    using cmd = new Recorder(this.#device);
    const input = { ...image, layout, tileCount };
    recordVision(
      cmd,
      config,
      this.#weights,
      input,
      this.#vision,
      this.#caches.cross,
      capture?.tap(cmd),
    );
    this.#runOnce(cmd);
  }

  /** Computes a step. Returns one output per part that asked for one, in order. */
  run(step: Step, mode: OutputMode): Output[] {
    const outputs = step.filter((part) => part.output).length;
    const rows = Math.min(bucketRows(rowCount(step)), this.limits.chunkSize);
    this.#batch.write(step, rows);
    const key = `${rows} ${outputs} ${hasImages(step)} ${outputs > 0 ? mode : ""}`;
    let recording = this.#recordings.get(key);
    if (!recording) {
      recording = this.#record(rows, outputs, hasImages(step), mode);
      this.#recordings.set(key, recording);
    }
    this.#device.queue.run(recording);
    return this.#results.read(outputs, mode);
  }

  /** Computes a step with logits of every row, recorded afresh so that `capture` sees the states. */
  runCaptured(step: Step, capture: Capture): void {
    const rows = rowCount(step);
    this.#batch.write(step, rows, true);
    using cmd = new Recorder(this.#device);
    const batch = this.#batch.tensors(rows, rows);
    recordText(cmd, this.#model, batch, this.#text, this.#caches, hasImages(step), capture.tap(cmd));
    this.#runOnce(cmd);
  }

  dispose(): void {
    this.#recordings.clear();
    for (const arena of this.#arenas.splice(0)) arena.dispose();
  }

  #record(rows: number, outputs: number, images: boolean, mode: OutputMode): Recording {
    using cmd = new Recorder(this.#device);
    recordText(cmd, this.#model, this.#batch.tensors(rows, outputs), this.#text, this.#caches, images);
    if (outputs > 0) this.#results.record(cmd, this.#text, outputs, mode);
    return cmd.finish();
  }

  #runOnce(cmd: Recorder): void {
    const recording = cmd.finish();
    try {
      this.#device.queue.run(recording);
    } finally {
      recording.dispose();
    }
  }

  #arena(name: string, placement: "device" | "shared" | "readback", ...tables: ShapeTable[]): Arena {
    const arena = new Arena(this.#device, name, tableBytes(...tables), placement);
    this.#arenas.push(arena);
    return arena;
  }
}

function rowCount(step: Step): number {
  return step.reduce((sum, { begin, end }) => sum + end - begin, 0);
}

function hasImages(step: Step): boolean {
  return step.some(({ sequence }) => sequence.cachedImages.length > 0);
}

/** Steps of similar size share a recording: one to four rows exactly, then multiples of 8, then of 32. */
function bucketRows(rows: number): number {
  if (rows <= 4) return rows;
  const multiple = rows <= 64 ? 8 : 32;
  return Math.ceil(rows / multiple) * multiple;
}

function bytesOf(array: Uint32Array | Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
