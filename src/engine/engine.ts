import { assert } from "../base/assert.ts";
import { RequestError } from "../base/errors.ts";
import { Device } from "../gpu/device.ts";
import { type Checkpoint, openCheckpoint } from "../model/checkpoint.ts";
import type { MllamaConfig } from "../model/config.ts";
import { imageVisibility } from "../model/image_visibility.ts";
import type { Step } from "./batch.ts";
import { BlockPool } from "./block_pool.ts";
import { reportError } from "./error_report.ts";
import { ImageCache } from "./image_cache.ts";
import type { EngineEvent, EngineInfo, EngineOptions, EngineRequest } from "./protocol.ts";
import { Runner } from "./runner.ts";
import { blocksPerSequence, type RunnerLimits } from "./runner_layout.ts";
import { type OutputMode, Sampler } from "./sampler.ts";
import { Scheduler } from "./scheduler.ts";
import { Sequence } from "./sequence.ts";

/** Token positions per block of the text cache. */
const blockSize = 16;
const defaults = { contextLength: 8192, chunkSize: 256, imageTiles: 16, maxSequences: 1 };

/** The sizes that options and checkpoint come to. */
export function runnerLimits(options: EngineOptions, checkpoint: Checkpoint): RunnerLimits {
  const most = checkpoint.config.text.maxPositionEmbeddings;
  const contextLength = options.contextLength ?? Math.min(defaults.contextLength, most);
  if (contextLength > most) {
    throw new RequestError(`--ctx-size ${contextLength} is more than the model's ${most} positions`, {
      remedy: `Use --ctx-size ${most} or less`,
    });
  }
  const maxSequences = options.maxSequences ?? defaults.maxSequences;
  return {
    contextLength,
    blockSize,
    maxSequences,
    chunkSize: options.chunkSize ?? defaults.chunkSize,
    imageTiles: options.imageTiles ?? defaults.imageTiles,
    outputRows: options.outputRows ?? maxSequences,
    deduplicate: options.deduplicate ?? true,
  };
}

/**
 * Tokens in, tokens out, on one device, in one thread: `add` queues a request, every `step` computes one batch and
 * says what happened. The worker calls it; tests call it without one.
 */
export class Engine {
  readonly info: EngineInfo;
  readonly runner: Runner;
  readonly scheduler: Scheduler;
  readonly #checkpoint: Checkpoint;
  readonly #device: Device;

  private constructor(device: Device, checkpoint: Checkpoint, runner: Runner) {
    const { limits, plan } = runner;
    this.#device = device;
    this.#checkpoint = checkpoint;
    this.runner = runner;
    this.scheduler = new Scheduler(
      new BlockPool(limits.maxSequences * blocksPerSequence(limits), blockSize),
      new ImageCache(limits.imageTiles),
      limits,
    );
    const { contextLength, imageTiles } = limits;
    this.info = {
      device: device.info.name,
      driver: `${device.info.driverName} ${device.info.driverInfo}`,
      contextLength,
      imageTiles,
      plan,
    };
  }

  /**
   * Opens device and model and loads the weights.
   *
   * @param openDevice opens the device; the caller may bring one that is open already
   */
  static open(
    options: EngineOptions,
    onProgress?: (done: number, total: number) => void,
    openDevice: () => Device = () => openDeviceOf(options),
  ): Engine {
    const checkpoint = openCheckpoint(options.model);
    let device: Device | undefined;
    try {
      const limits = runnerLimits(options, checkpoint);
      device = openDevice();
      return new Engine(device, checkpoint, new Runner(device, checkpoint, limits, onProgress));
    } catch (error) {
      device?.dispose();
      throw error;
    } finally {
      checkpoint.weights.close();
    }
  }

  get config(): MllamaConfig {
    return this.#checkpoint.config;
  }

  get device(): Device {
    return this.#device;
  }

  get idle(): boolean {
    return this.scheduler.waitingCount === 0 && this.scheduler.running.length === 0;
  }

  /**
   * Queues a request.
   *
   * @throws {RequestError} If it can never be served: too long, too many tiles.
   */
  add(request: EngineRequest): EngineEvent {
    this.scheduler.add(this.sequence(request));
    return { type: "accepted", id: request.id };
  }

  /** A request as a sequence, checked against the limits. */
  sequence(request: EngineRequest): Sequence {
    const { config } = this.#checkpoint;
    const { contextLength, imageTiles } = this.runner.limits;
    const length = request.tokens.length + request.maxTokens;
    if (request.tokens.length === 0) throw new RequestError("The prompt is empty", { param: "messages" });
    if (length > contextLength) {
      throw new RequestError(
        `The prompt of ${request.tokens.length} tokens and ${request.maxTokens} new ones exceed the context of ${contextLength}`,
        {
          param: "messages",
          code: "context_length_exceeded",
          remedy: "Shorten the prompt, lower max_tokens or raise --ctx-size",
        },
      );
    }
    const tiles = request.images.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
    if (tiles > imageTiles) {
      throw new RequestError(`The images take ${tiles} tiles, the image cache holds ${imageTiles}`, {
        param: "messages",
        code: "too_many_images",
        remedy: "Send fewer images or raise --image-tiles",
      });
    }
    const visibility = imageVisibility(request.tokens, config.imageTokenIndex);
    assert(visibility.length === request.images.length, "every image has one image token");
    return new Sequence(request, new Sampler(request.sampling, request.tokens), visibility);
  }

  /** Ends a sequence without a further event; unknown ids are ignored: it may have ended on its own. */
  abort(id: number): void {
    this.scheduler.remove(id);
  }

  /** Computes one batch. Nothing to do gives no events. */
  step(): EngineEvent[] {
    const step = this.scheduler.schedule();
    if (step.length === 0) return [];
    try {
      this.encodeImages(step);
      const wanted = step.filter((part) => part.output);
      const outputs = this.runner.run(step, outputMode(step));
      for (const { sequence, end } of step) sequence.computed = end;
      return wanted.flatMap(({ sequence }, i) => this.#take(sequence, sequence.sampler.next(outputs[i]!)));
    } catch (error) {
      return step.map(({ sequence: { id } }) => {
        this.scheduler.remove(id);
        return { type: "error", id, error: reportError(error) };
      });
    }
  }

  /** Runs the vision tower for the images of a step that nobody has encoded yet. */
  encodeImages(step: Step): void {
    for (const { sequence } of step) {
      for (const [i, cached] of sequence.cachedImages.entries()) {
        if (cached.encoded) continue;
        const begin = performance.now();
        this.runner.encodeImage(sequence.images[i]!, cached.tiles);
        cached.encoded = true;
        sequence.timings.imageMs += performance.now() - begin;
      }
    }
  }

  dispose(): void {
    this.runner.dispose();
    this.#device.dispose();
  }

  #take(sequence: Sequence, token: number): EngineEvent[] {
    const { id } = sequence;
    const events: EngineEvent[] = sequence.generatedCount === 0 ? [started(sequence)] : [];
    const reason = sequence.append(token);
    events.push({ type: "token", id, token });
    if (reason) {
      this.scheduler.remove(id);
      events.push({ type: "end", id, reason });
    }
    return events;
  }
}

function started({ id, imageHits, timings }: Sequence): EngineEvent {
  const { queuedAt, startedAt, imageMs } = timings;
  const prefillMs = performance.now() - startedAt - imageMs;
  return { type: "started", id, cachedImages: imageHits, queueMs: startedAt - queuedAt, imageMs, prefillMs };
}

function openDeviceOf({ device, validation, pipelineCache }: EngineOptions): Device {
  return Device.open({ select: device, validation, cacheDirectory: pipelineCache });
}

/** The most that any sequence of the step needs; a sampler can choose from more than it asked for. */
function outputMode(step: Step): OutputMode {
  const order: OutputMode[] = ["greedy", "candidates", "logits"];
  const wanted = step.filter((part) => part.output).map(({ sequence }) =>
    order.indexOf(sequence.sampler.outputMode)
  );
  return order[Math.max(0, ...wanted)]!;
}
