import { assert } from "../base/assert.ts";
import { Lru } from "../base/lru.ts";
import type { Device } from "../gpu/device.ts";
import { Arena } from "../gpu/memory.ts";
import { Recorder, type Recording } from "../gpu/recorder.ts";
import { sliceRows } from "../gpu/tensor.ts";
import { allocateCache, type Caches } from "../model/caches.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { loadWeights, type WeightPlan } from "../model/load.ts";
import { ropeFrequencies } from "../model/rope_frequencies.ts";
import { allocate, type ShapeTable, tableBytes } from "../model/shapes.ts";
import { recordText, type TextModel, type TextScratch } from "../model/text.ts";
import { recordVision, type VisionScratch } from "../model/vision.ts";
import { type VisionLayout, visionLayout } from "../model/vision_layout.ts";
import type { MllamaWeights } from "../model/weights.ts";
import { hasImages, rowCount, type Step, StepBuffer } from "./batch.ts";
import type { Capture } from "./capture.ts";
import { compileAhead } from "./compile_ahead.ts";
import type { EngineImage, FirstAnswer } from "./protocol.ts";
import { bucketRows } from "./row_buckets.ts";
import { batchLimits, type RunnerLimits, runnerTables } from "./runner_layout.ts";
import { SampleBuffer, type Sampled } from "./sample_buffer.ts";
import { SamplingStage } from "./sampling_stage.ts";

export type { Sampled } from "./sample_buffer.ts";

/** Recordings kept, of both flights; the least recently used one is freed. */
const recordingLimit = 96;

/** A step that was submitted, to be given back to `collect`. */
export interface Pending {
  /** The timeline value that it raises. */
  readonly value: bigint;
}

/** The buffers of one of the two steps that may be under way. */
class Flight implements Pending {
  value = 0n;
  pending = false;

  constructor(readonly batch: StepBuffer, readonly samples: SampleBuffer) {}
}

/** Everything on the device for one model: computes images and steps, knows nothing of queues. */
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
  readonly #flights: readonly [Flight, Flight];
  /** The flight of the next step. */
  #turn: 0 | 1 = 0;
  readonly #sampling: SamplingStage;
  readonly #recordings = new Lru<Recording, number>(recordingLimit, (recording) => recording.dispose());
  /** What the kernels of the first answer are compiled by. */
  #compiling: Recording | undefined;

  /**
   * Allocates and loads.
   *
   * @param weightPlan of this checkpoint; it and the limits are known to fit the device
   * @param options.firstAnswer what to compile for while the weights are read; left out, nothing
   * @param options.onProgress called with checkpoint bytes read so far and in all
   * @throws {DeviceError} If the device's memory is taken by others.
   * @throws {ModelError} If the checkpoint is damaged.
   */
  constructor(
    device: Device,
    checkpoint: Checkpoint,
    readonly limits: RunnerLimits,
    weightPlan: WeightPlan,
    { firstAnswer, onProgress }: {
      firstAnswer?: FirstAnswer | undefined;
      onProgress?: (done: number, total: number) => void;
    } = {},
  ) {
    const { config } = checkpoint;
    this.#device = device;
    this.#checkpoint = checkpoint;
    const tables = runnerTables(config, limits);
    try {
      this.#caches = {
        self: allocateCache(this.#cacheArena("text cache", tables.textCache), tables.textCache),
        cross: allocateCache(this.#cacheArena("image cache", tables.imageCache), tables.imageCache),
      };
      const scratch = this.#arena(
        "working memory",
        "device",
        tables.vision,
        tables.text,
        tables.samplingState,
      );
      const inputTables = [tables.steps, tables.otherSteps, tables.sampleInputs, tables.otherSampleInputs];
      this.#inputs = this.#arena(
        "inputs",
        "shared",
        tables.visionInputs,
        tables.constants,
        tables.countedText,
        ...inputTables,
      );
      this.#vision = { ...allocate(this.#inputs, tables.visionInputs), ...allocate(scratch, tables.vision) };
      this.#text = allocate(scratch, tables.text);
      const { maxSequences: slots, contextLength, blockSize } = limits;
      this.#sampling = new SamplingStage(device, scratch, this.#inputs, config, slots, contextLength);
      const results = this.#arena("results", "readback", tables.sampleOutputs, tables.otherSampleOutputs);
      const flight = () =>
        new Flight(
          new StepBuffer(this.#inputs, batchLimits(config, limits), blockSize),
          new SampleBuffer(this.#inputs, results, config, slots),
        );
      this.#flights = [flight(), flight()];
      const { inverseFrequencies } = allocate(this.#inputs, tables.constants);
      this.#inputs.view(inverseFrequencies).set(bytesOf(ropeFrequencies(config.text)));
      const textModel = ({ text }: MllamaWeights) => ({
        config,
        weights: text,
        inverseFrequencies,
        blockSize,
      });
      const { weights, arena } = loadWeights(config, checkpoint.weights, weightPlan, device, {
        onPlaced: (placed) => {
          if (firstAnswer) this.#compiling = this.#compileAhead(firstAnswer, placed, textModel(placed));
        },
        onProgress,
      });
      this.#keep(arena);
      this.#weights = weights;
      this.#model = textModel(weights);
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
    const layout = this.#visionLayout(tileCount);
    const slots = tiles.flatMap((tile) =>
      Array.from({ length: tokensPerTile }, (_, i) => tile * tokensPerTile + i)
    );

    this.#inputs.view(this.#vision.pixels).set(image.pixels);
    this.#inputs.view(this.#vision.rows).set(bytesOf(layout.rows));
    this.#inputs.view(this.#vision.keyBias).set(bytesOf(layout.keyBias));
    this.#inputs.view(this.#vision.slots).set(bytesOf(Uint32Array.from(slots)));
    using cmd = new Recorder(this.#device);
    const input = { ...image, layout, tileCount };
    recordVision(cmd, config, this.#weights, input, this.#vision, this.#caches.cross, capture?.tap(cmd));
    this.#runOnce(cmd);
  }

  /**
   * Starts a step and does not wait for it. At most two may be pending: the device works on one while the host
   * prepares the other.
   */
  submit(step: Step): Pending {
    const flight = this.#flights[this.#turn];
    assert(!flight.pending, "two steps are pending");
    const rows = Math.min(bucketRows(rowCount(step)), this.limits.chunkSize);
    for (const { output, sequence } of step) if (output) this.#sampling.prepare(sequence);
    flight.batch.write(step, rows);
    flight.samples.write(step);
    flight.value = this.#device.queue.submit(this.#recording(flight, rows, hasImages(step)));
    flight.pending = true;
    this.#turn = this.#turn === 0 ? 1 : 0;
    return flight;
  }

  /**
   * Waits for a step. Steps are collected in the order in which they were submitted.
   *
   * @returns one entry per part with an output, in order; good until the next step but one is submitted
   * @throws {DeviceError} If the device fails.
   */
  collect(pending: Pending): readonly Sampled[] {
    const flight = pending as Flight;
    assert(this.#flights.includes(flight) && flight.pending, "the step was collected before");
    flight.pending = false;
    this.#device.queue.wait(flight.value);
    return flight.samples.read();
  }

  /**
   * Computes a step of one part with logits of every row, recorded afresh so that `capture` sees the states. Nothing
   * else may be pending.
   *
   * @returns what was chosen after the last row, if the part has an output
   * @throws {DeviceError} If the logits are not numbers, or the device fails.
   */
  runCaptured(step: Step, capture: Capture): Sampled | undefined {
    assert(step.length === 1 && !this.#flights.some(({ pending }) => pending), "a trace shares with nobody");
    const [{ batch, samples }] = this.#flights;
    const rows = rowCount(step);
    batch.write(step, rows, true);
    samples.write(step, rows - 1);
    using cmd = new Recorder(this.#device);
    const inputs = { ...batch.tensors(rows, rows), sampled: this.#sampling.sampled };
    recordText(cmd, this.#model, inputs, this.#text, this.#caches, hasImages(step), capture.tap(cmd));
    const logits = sliceRows(this.#text.logits, 0, rows);
    if (samples.count > 0) this.#sampling.record(cmd, logits, samples, 1, samples.mode);
    this.#runOnce(cmd);
    const [chosen] = samples.read();
    if (chosen?.error) throw chosen.error;
    return chosen;
  }

  dispose(): void {
    this.#compiling?.dispose();
    this.#recordings.clear();
    this.#sampling?.dispose(); // there is none if the constructor failed before
    for (const arena of this.#arenas.splice(0)) arena.dispose();
  }

  /** The recording for a step of this shape, which a step of another shape may have evicted. */
  #recording(flight: Flight, rows: number, images: boolean): Recording {
    const { count, mode } = flight.samples;
    let key = rows * (this.limits.maxSequences + 1) + count;
    key = 2 * key + Number(flight === this.#flights[1]);
    key = 2 * key + Number(images);
    key = 2 * key + Number(mode.draws);
    key = 2 * key + Number(mode.adjusts);
    key = 2 * key + Number(mode.logprobs);
    let recording = this.#recordings.get(key);
    if (!recording) {
      recording = this.#record(flight, rows, images);
      this.#recordings.set(key, recording);
    }
    return recording;
  }

  #record({ batch, samples }: Flight, rows: number, images: boolean): Recording {
    using cmd = new Recorder(this.#device);
    const inputs = { ...batch.tensors(rows, samples.count), sampled: this.#sampling.sampled };
    recordText(cmd, this.#model, inputs, this.#text, this.#caches, images);
    const logits = sliceRows(this.#text.logits, 0, samples.count);
    if (samples.count > 0) this.#sampling.record(cmd, logits, samples, samples.count, samples.mode);
    return cmd.finish();
  }

  #compileAhead(first: FirstAnswer, weights: MllamaWeights, model: TextModel): Recording {
    return compileAhead(this.#device, first, {
      weights,
      model,
      caches: this.#caches,
      text: this.#text,
      vision: this.#vision,
      ...this.#flights[0],
      sampling: this.#sampling,
      chunkSize: this.limits.chunkSize,
      layout: this.#visionLayout(1),
    });
  }

  #visionLayout(tileCount: number): VisionLayout {
    const deduplicate = this.limits.deduplicate && this.#checkpoint.unusedSlotsAreZero;
    return visionLayout(this.#checkpoint.config.vision, tileCount, deduplicate);
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
    return this.#keep(new Arena(this.#device, name, tableBytes(...tables), placement));
  }

  /** No row of a cache is read before it was written, and zeroing a gigabyte would take a good part of a start. */
  #cacheArena(name: string, table: ShapeTable): Arena {
    return this.#keep(new Arena(this.#device, name, tableBytes(table), "device", { zeroed: false }));
  }

  #keep(arena: Arena): Arena {
    this.#arenas.push(arena);
    return arena;
  }
}

function bytesOf(array: Uint32Array | Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
