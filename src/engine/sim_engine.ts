import { RequestError } from "../base/errors.ts";
import { type CoreOptions, EngineCore } from "./engine_core.ts";
import type { EngineInfo, TraceResult } from "./protocol.ts";
import type { RunnerLimits } from "./runner_layout.ts";
import { type SimHooks, SimRunner, simVocabulary } from "./sim_runner.ts";

export interface SimOptions extends CoreOptions {
  readonly limits?: Partial<RunnerLimits>;
  readonly hooks?: SimHooks;
  /** Times steps with the simulated clock, so that everything that happens can happen again. */
  readonly simulatedTime?: boolean;
}

/** Id of the image token of a simulated model: the first behind its vocabulary. */
export const simImageToken = simVocabulary;

/** Nothing in it depends on positions. */
const simLongestContext = 131_072;

const defaultLimits: RunnerLimits = {
  contextLength: 128,
  blockSize: 4,
  maxSequences: 4,
  kvTokens: 256,
  chunkSize: 16,
  imageTiles: 8,
  outputRows: 4,
  deduplicate: true,
};

/**
 * An engine without a device: the scheduling is the real one, the model is `SimRunner`. The same requests give the
 * same tokens, whatever shares their steps. For tests of what is above and around the forward pass; a worker that hosts
 * one speaks the protocol of a real one.
 */
export class SimEngine extends EngineCore {
  readonly info: EngineInfo;
  readonly runner: SimRunner;

  private constructor(runner: SimRunner, options: CoreOptions) {
    const model = { imageToken: simImageToken, vocabSize: simVocabulary, tokensPerTile: 4 };
    super(runner, { ...model, longestContext: simLongestContext }, options);
    this.runner = runner;
    const { limits } = runner;
    this.info = {
      device: "simulated",
      isCpu: true,
      driver: "none",
      contextLength: limits.contextLength,
      imageTiles: limits.imageTiles,
      kvTokens: limits.kvTokens,
      blockSize: limits.blockSize,
      maxSequences: limits.maxSequences,
      maxQueued: this.maxQueued,
      plan: { parts: [], totalBytes: 0, heapBytes: 0 },
    };
  }

  static open({ limits, hooks, simulatedTime, ...options }: SimOptions = {}): SimEngine {
    const runner = new SimRunner({ ...defaultLimits, ...limits }, hooks);
    const stepTime = simulatedTime ? () => runner.elapsedMs : undefined;
    return new SimEngine(runner, { stepTime, ...options });
  }

  /** @throws {RequestError} Always: there are no numbers to look at. */
  trace(): TraceResult {
    throw new RequestError("A simulated model cannot be traced");
  }

  rest(): void {}

  dispose(): void {}
}
