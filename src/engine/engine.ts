import { Device } from "../gpu/device.ts";
import { type Checkpoint, openCheckpoint } from "../model/checkpoint.ts";
import type { MllamaConfig } from "../model/config.ts";
import { planWeights } from "../model/load.ts";
import type { MemoryPlan } from "../model/plan.ts";
import { type CoreOptions, EngineCore } from "./engine_core.ts";
import { chooseLimits } from "./limits.ts";
import type { EngineInfo, EngineOptions, OnProgress, TraceRequest, TraceResult } from "./protocol.ts";
import { Runner } from "./runner.ts";
import { trace } from "./trace.ts";
import { warmUp } from "./warm_up.ts";

/** A model on a device: `EngineCore` with a runner of its own. The worker calls it; tests call it without one. */
export class Engine extends EngineCore {
  readonly info: EngineInfo;

  private constructor(
    readonly device: Device,
    private readonly owned: Device | undefined,
    private readonly checkpoint: Checkpoint,
    readonly runner: Runner,
    plan: MemoryPlan,
    options: CoreOptions,
  ) {
    const { imageTokenIndex: imageToken, text, vision: { tokensPerTile } } = checkpoint.config;
    const { vocabSize, maxPositionEmbeddings: longestContext } = text;
    super(runner, { imageToken, vocabSize, longestContext, tokensPerTile }, options);
    const { contextLength, imageTiles, kvTokens, blockSize, maxSequences } = runner.limits;
    this.info = {
      device: device.info.name,
      isCpu: device.info.type === "cpu",
      driver: `${device.info.driverName} ${device.info.driverInfo}`,
      contextLength,
      imageTiles,
      kvTokens,
      blockSize,
      maxSequences,
      maxQueued: this.maxQueued,
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
    onProgress: OnProgress = () => {},
    device?: Device,
  ): Engine {
    const checkpoint = openCheckpoint(options.model);
    let owned: Device | undefined;
    try {
      const weights = planWeights(checkpoint.config, checkpoint.weights);
      const chosenDevice = device ?? (owned = openDevice(options));
      const { limits, plan, problem } = chooseLimits(options, checkpoint.config, weights.bytes, chosenDevice);
      if (problem) throw problem;
      const runner = new Runner(chosenDevice, checkpoint, limits, weights, {
        firstAnswer: options.firstAnswer,
        onProgress: (done, total) => onProgress(done, total, "weights"),
      });
      if (wantsWarmUp(options, chosenDevice)) warmUpOrFree(runner, checkpoint.config, onProgress);
      return new Engine(chosenDevice, owned, checkpoint, runner, plan, options);
    } catch (error) {
      owned?.dispose();
      throw error;
    } finally {
      checkpoint.weights.close();
    }
  }

  get config(): MllamaConfig {
    return this.checkpoint.config;
  }

  /** Runs a request for its numbers; see `trace`. */
  trace(request: TraceRequest): TraceResult {
    return trace(this, request);
  }

  /** To be called when there is nothing to do: what was compiled for the requests so far is kept for the next start. */
  rest(): void {
    this.device.pipelines.save(); // a killed process saves nothing
  }

  /** Frees the model, and the device if the engine opened it. */
  dispose(): void {
    this.runner.dispose();
    this.owned?.dispose();
  }
}

function wantsWarmUp({ warmUp = false }: EngineOptions, device: Device): boolean {
  return warmUp === "gpu" ? device.info.type !== "cpu" : warmUp;
}

function warmUpOrFree(runner: Runner, config: MllamaConfig, onProgress: OnProgress): void {
  try {
    warmUp(runner, config, (done, total) => onProgress(done, total, "warm-up"));
  } catch (error) {
    runner.dispose();
    throw error;
  }
}

function openDevice({ device, validation, pipelineCache }: EngineOptions): Device {
  return Device.open({ select: device, validation, cacheDirectory: pipelineCache });
}
