import { assert, AssertionError } from "../base/assert.ts";
import { RequestError } from "../base/errors.ts";
import { Device } from "../gpu/device.ts";
import { DeviceLostError } from "../gpu/errors.ts";
import { type Checkpoint, openCheckpoint } from "../model/checkpoint.ts";
import type { MllamaConfig } from "../model/config.ts";
import { imageVisibility } from "../model/image_visibility.ts";
import { planWeights } from "../model/load.ts";
import type { MemoryPlan } from "../model/plan.ts";
import type { Step } from "./batch.ts";
import { BlockPool } from "./block_pool.ts";
import { reportError } from "./error_report.ts";
import { ImageCache } from "./image_cache.ts";
import { chooseLimits } from "./limits.ts";
import type { EngineEvent, EngineInfo, EngineOptions, EngineRequest, ErrorReport } from "./protocol.ts";
import { Runner } from "./runner.ts";
import { blocksPerSequence } from "./runner_layout.ts";
import { type OutputMode, Sampler } from "./sampler.ts";
import { Scheduler } from "./scheduler.ts";
import { Sequence } from "./sequence.ts";

/** Requests that may wait, unless the options say otherwise. */
const defaultMaxQueued = 64;

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
  readonly #maxQueued: number;
  #failure: ErrorReport | undefined;

  private constructor(
    device: Device,
    private readonly owned: Device | undefined,
    checkpoint: Checkpoint,
    runner: Runner,
    plan: MemoryPlan,
    maxQueued = defaultMaxQueued,
  ) {
    const { limits } = runner;
    this.#device = device;
    this.#checkpoint = checkpoint;
    this.#maxQueued = maxQueued;
    this.runner = runner;
    this.scheduler = new Scheduler(
      new BlockPool(limits.maxSequences * blocksPerSequence(limits), limits.blockSize),
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
   * @param device an open device, which stays the caller's; left out, one is opened as the options say
   * @throws {ModelNotFoundError} If there is no such model.
   * @throws {ModelError} If its files are damaged or not a Llama 3.2 Vision checkpoint.
   * @throws {DeviceError} If there is no suitable device, or the model does not fit.
   * @throws {RequestError} If the options ask for more than the model can do.
   */
  static open(
    options: EngineOptions,
    onProgress?: (done: number, total: number) => void,
    device?: Device,
  ): Engine {
    const checkpoint = openCheckpoint(options.model);
    let owned: Device | undefined;
    try {
      const weights = planWeights(checkpoint.config, checkpoint.weights);
      const chosenDevice = device ?? (owned = openDevice(options));
      const { limits, plan, problem } = chooseLimits(options, checkpoint.config, weights.bytes, chosenDevice);
      if (problem) throw problem;
      const runner = new Runner(chosenDevice, checkpoint, limits, weights, onProgress);
      return new Engine(chosenDevice, owned, checkpoint, runner, plan, options.maxQueued);
    } catch (error) {
      owned?.dispose();
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

  /** Why nothing can be computed any more: the device is lost, or an invariant broken. */
  get failure(): ErrorReport | undefined {
    return this.#failure;
  }

  get idle(): boolean {
    return this.scheduler.waitingCount === 0 && this.scheduler.running.length === 0;
  }

  /**
   * Queues a request.
   *
   * @throws {RequestError} If it can never be served (too long, too many tiles), or the queue is full.
   */
  add(request: EngineRequest): EngineEvent {
    if (!(request.maxTokens >= 1)) {
      throw new RequestError(`An answer has at least one token, ${request.maxTokens} are asked for`, {
        param: "max_tokens",
      });
    }
    if (this.scheduler.waitingCount >= this.#maxQueued) {
      throw new RequestError(`${this.scheduler.waitingCount} requests are waiting, which is the limit`, {
        code: "queue_full",
        remedy: "Try again later, or raise --max-num-queued-reqs",
      });
    }
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

  /**
   * Computes one batch. Nothing to do gives no events. An error ends the sequences of the batch; one after which
   * nothing works any more (`failure`) ends all.
   */
  step(): EngineEvent[] {
    let step: Step = [];
    try {
      step = this.scheduler.schedule();
      if (step.length === 0) return [];
      this.encodeImages(step);
      const wanted = step.filter((part) => part.output);
      const outputs = this.runner.run(step, outputMode(step));
      for (const { sequence, end } of step) sequence.computed = end;
      return wanted.flatMap(({ sequence }, i) => this.#take(sequence, sequence.sampler.next(outputs[i]!)));
    } catch (error) {
      const report = reportError(error);
      const fatal = error instanceof AssertionError || error instanceof DeviceLostError;
      if (fatal) this.#failure = report;
      const ended = fatal ? this.scheduler.ids() : step.map(({ sequence }) => sequence.id);
      for (const id of ended) this.scheduler.remove(id);
      return ended.map((id) => ({ type: "error", id, error: report }));
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

  /** Frees the model, and the device if the engine opened it. */
  dispose(): void {
    this.runner.dispose();
    this.owned?.dispose();
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

function openDevice({ device, validation, pipelineCache }: EngineOptions): Device {
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
