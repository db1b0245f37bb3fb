import { EngineClient, type EngineNews } from "../engine/client.ts";
import type { EngineOptions, EngineRequest, MaskAnswer } from "../engine/protocol.ts";
import { emptyStats, type EngineStats, observe, timeHistogram } from "../engine/stats.ts";
import type { Constraint } from "../grammar/constraint.ts";
import { GrammarPool } from "../grammar/grammar_pool.ts";
import { Answer } from "./answer.ts";
import { cacheDirectory } from "./cache_directory.ts";
import { constrained, ConstrainedRun, vocabularyOf } from "./constrained_run.ts";
import { modelDirectory } from "./models.ts";
import {
  buildPlainPrompt,
  buildPrompt,
  type Frontend,
  type FrontendOptions,
  modelSampling,
  openFrontend,
  type Prompt,
} from "./prompt.ts";
import type { LoadProgress } from "./reports.ts";
import type {
  GenerateEvent,
  GenerateRequest,
  ModelInfo,
  Runtime,
  RuntimeCounts,
  RuntimeState,
  Texts,
} from "./request.ts";
import { ModelTexts } from "./texts.ts";
import { ToolAnswer } from "./tool_answer.ts";
import { constraintOf } from "./tool_use.ts";
import { UsageMeter } from "./usage_meter.ts";
import { checkWeights } from "./weight_check.ts";

export interface RuntimeOptions extends EngineOptions, FrontendOptions {
  /** Reads every weight beforehand, and notes those that cannot be right. */
  readonly checkTensors?: boolean;
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Hears when the engine has failed and is opened again, for the log. */
  readonly onNews?: (news: EngineNews) => void;
}

/**
 * Opens a model directory, or the demo, and loads it onto a device.
 *
 * @throws {ModelNotFoundError} If there is no such model.
 * @throws {ModelError} If its files are damaged or not a Llama 3.2 Vision checkpoint.
 * @throws {DeviceError} If there is no suitable device, or the model does not fit.
 */
export async function openRuntime(
  { model, maxTiles, checkTensors, onProgress, onNews, ...options }: RuntimeOptions,
): Promise<Runtime> {
  const directory = modelDirectory(model);
  const readFrontend = () => openFrontend(directory, { maxTiles });
  // What is wrong with a small file is told before gigabytes are read.
  if (checkTensors) readFrontend().pictures.close();
  const faults = checkTensors ? await checkWeights(directory, onProgress) : [];
  const abandoned = new AbortController();
  const opening = EngineClient.open(
    { pipelineCache: cacheDirectory(), ...options, model: directory },
    {
      onNews,
      onProgress: (done, total, stage) =>
        onProgress?.({ stage, done, total, unit: stage === "weights" ? "bytes" : "items" }),
      signal: abandoned.signal,
    },
  );
  opening.catch(() => {}); // it is told below, unless the frontend has failed before
  let frontend: Frontend | undefined;
  try {
    // Half a second for a vocabulary of 128,000, in which the engine's thread has begun to load.
    frontend = readFrontend();
    return new LocalRuntime(frontend, await opening, model, [...frontend.notes, ...faults]);
  } catch (error) {
    abandoned.abort();
    frontend?.pictures.close();
    throw error;
  }
}

class LocalRuntime implements Runtime {
  readonly model: ModelInfo;
  readonly texts: Texts;
  readonly #frontend: Frontend;
  readonly #engine: EngineClient;
  readonly #grammars: GrammarPool;
  readonly #constraintMs = timeHistogram();

  constructor(frontend: Frontend, engine: EngineClient, path: string, notes: readonly string[]) {
    this.#frontend = frontend;
    this.#engine = engine;
    this.#grammars = new GrammarPool(() => vocabularyOf(frontend));
    this.texts = new ModelTexts(frontend);
    this.model = {
      id: frontend.id,
      path,
      contextLength: engine.info.contextLength,
      longestContext: frontend.config.text.maxPositionEmbeddings,
      maxSequences: engine.info.maxSequences,
      imageTiles: engine.info.imageTiles,
      tileSize: frontend.config.image.size,
      maxTiles: frontend.maxTiles,
      kvTokens: engine.info.kvTokens,
      blockSize: engine.info.blockSize,
      maxRequests: engine.info.maxSequences + engine.info.maxQueued,
      sampling: modelSampling(frontend),
      device: engine.info.device,
      isCpu: engine.info.isCpu,
      memory: engine.info.plan.parts,
      notes,
    };
  }

  get stats(): EngineStats {
    return this.#engine.stats ?? emptyStats();
  }

  get counts(): RuntimeCounts {
    return {
      engineLosses: this.#engine.losses,
      imageDecodeMs: this.#frontend.imageDecodeMs,
      constraintMs: this.#constraintMs,
    };
  }

  get silentMs(): number {
    return this.#engine.silentMs;
  }

  get queueRoom(): number {
    return this.#engine.queueRoom;
  }

  get state(): RuntimeState {
    return this.#engine.state;
  }

  get failure(): Promise<Error> {
    return this.#engine.failure;
  }

  get failed(): Error | undefined {
    return this.#engine.failed;
  }

  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent> {
    const stopIds = this.#stopIds(request);
    const constraint = constraintOf(request);
    const held = constraint && await this.#hold(constraint, request, stopIds, signal);
    try {
      const ended = held ? held.signal(signal) : signal;
      const prompt = await this.#prompt(request, ended);
      ended?.throwIfAborted();
      const free = this.#engineRequest(request, prompt, stopIds);
      const engineRequest = held ? constrained(free) : free;
      const answers = this.#answers(request, stopIds);
      const meter = new UsageMeter(prompt);
      const hasLogprobs = request.sampling?.logprobs !== undefined;
      for await (const event of this.#engine.run(engineRequest, ended)) {
        held?.follow(event);
        if (event.type === "accepted") yield { type: "start", ...meter.size };
        if (event.type === "started") meter.started(event);
        if (event.type !== "token" && event.type !== "end") continue;
        const { choice } = event;
        const answer = answers.get(choice);
        if (!answer) continue; // a stop text or a call has ended it before the engine heard of it
        if (event.type === "token") meter.completionTokens++;
        const parts = event.type === "token" ? answer.push(event.token, event.logprob) : answer.flush();
        for (const part of parts) {
          const { completionTokens } = meter;
          if (part.type === "text") {
            const tokens = hasLogprobs ? part.tokens : undefined;
            yield { type: "text", choice, text: part.text, tokens, completionTokens };
          } else yield { ...part, choice, completionTokens };
        }
        const reason = answer.stopped ? "stop" : event.type === "end" ? event.reason : undefined;
        if (reason === undefined) continue;
        const finishReason = answer.finishReason(reason);
        answers.delete(choice);
        if (event.type === "token" && answers.size > 0) this.#engine.stop(event.id, choice);
        yield { type: "end", choice, finishReason, usage: meter.usage(event.at) };
        if (answers.size === 0) return;
      }
    } finally {
      held?.close();
    }
  }

  #prompt(request: GenerateRequest, signal: AbortSignal | undefined): Promise<Prompt> {
    const { contextLength } = this.#engine.info;
    const { prompt, client } = request;
    return prompt === undefined
      ? buildPrompt(this.#frontend, request, contextLength, signal)
      : buildPlainPrompt(this.#frontend, prompt, contextLength, { client, signal });
  }

  #stopIds({ ignoreEos, stopTokenIds = [] }: GenerateRequest): number[] {
    return [...ignoreEos ? [] : this.#frontend.config.generation.eosTokenIds, ...stopTokenIds];
  }

  async #hold(
    constraint: Constraint,
    request: GenerateRequest,
    stopIds: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<ConstrainedRun> {
    const begin = performance.now();
    const answer = (mask: MaskAnswer) => this.#engine.mask(mask);
    const held = await ConstrainedRun.open(this.#grammars, constraint, request, stopIds, answer, signal);
    observe(this.#constraintMs, performance.now() - begin);
    return held;
  }

  #engineRequest(
    request: GenerateRequest,
    { tokens, images }: Prompt,
    stopIds: readonly number[],
  ): Omit<EngineRequest, "id"> {
    // A prompt that fills the context is left to the engine to refuse, with the numbers.
    const room = Math.max(1, this.#engine.info.contextLength - tokens.length);
    return {
      tokens,
      images,
      sampling: { ...modelSampling(this.#frontend), ...defined(request.sampling ?? {}) },
      maxTokens: Math.min(request.maxTokens ?? room, room),
      stopIds,
      n: request.n,
      client: request.client,
      cacheSalt: request.cacheSalt,
    };
  }

  /** An answer for each choice that has not ended. */
  #answers(request: GenerateRequest, stopIds: readonly number[]): Map<number, ToolAnswer> {
    const options = {
      stop: request.stop ?? [],
      stopIds: new Set(stopIds),
      minTokens: request.sampling?.minTokens ?? 0,
    };
    const { tokenizer } = this.#frontend;
    const tag = tokenizer.controlId("<|python_tag|>");
    const newAnswer = () => new ToolAnswer(new Answer(tokenizer, options), request.toolChoice, tag);
    return new Map(Array.from({ length: request.n ?? 1 }, (_, choice) => [choice, newAnswer()]));
  }

  async close(): Promise<void> {
    this.#grammars.close();
    this.#frontend.pictures.close();
    await this.#engine.close();
  }
}

/** Without the entries that are undefined, which would hide the model's own. */
function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
