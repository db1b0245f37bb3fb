import { EngineClient, type EngineNews } from "../engine/client.ts";
import type { EngineOptions, EngineRequest } from "../engine/protocol.ts";
import { emptyStats, type EngineStats } from "../engine/stats.ts";
import { Answer } from "./answer.ts";
import { cacheDirectory } from "./cache_directory.ts";
import { modelDirectory } from "./demo_model.ts";
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
import type { GenerateEvent, GenerateRequest, ModelInfo, Runtime, RuntimeState, Texts } from "./request.ts";
import { ModelTexts } from "./texts.ts";
import { UsageMeter } from "./usage_meter.ts";

export interface RuntimeOptions extends EngineOptions, FrontendOptions {
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
  { model, maxTiles, onProgress, onNews, ...options }: RuntimeOptions,
): Promise<Runtime> {
  const directory = modelDirectory(model);
  const frontend = openFrontend(directory, { maxTiles });
  try {
    const engine = await EngineClient.open(
      { pipelineCache: cacheDirectory(), ...options, model: directory },
      {
        onNews,
        onProgress: (done, total) => onProgress?.({ stage: "weights", done, total, unit: "bytes" }),
      },
    );
    return new LocalRuntime(frontend, engine, model);
  } catch (error) {
    frontend.pictures.close();
    throw error;
  }
}

class LocalRuntime implements Runtime {
  readonly model: ModelInfo;
  readonly texts: Texts;
  readonly #frontend: Frontend;
  readonly #engine: EngineClient;

  constructor(frontend: Frontend, engine: EngineClient, path: string) {
    this.#frontend = frontend;
    this.#engine = engine;
    this.texts = new ModelTexts(frontend);
    this.model = {
      id: frontend.id,
      path,
      contextLength: engine.info.contextLength,
      imageTiles: engine.info.imageTiles,
      kvTokens: engine.info.kvTokens,
      blockSize: engine.info.blockSize,
      device: engine.info.device,
      memory: engine.info.plan.parts,
      notes: frontend.notes,
    };
  }

  get stats(): EngineStats {
    return this.#engine.stats ?? emptyStats();
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
    const { contextLength } = this.#engine.info;
    const prompt = request.prompt === undefined
      ? await buildPrompt(this.#frontend, request, contextLength)
      : buildPlainPrompt(this.#frontend, request.prompt, contextLength);
    signal?.throwIfAborted();
    const engineRequest = this.#engineRequest(request, prompt);
    const answers = this.#answers(request, engineRequest.stopIds);
    const meter = new UsageMeter(prompt);
    for await (const event of this.#engine.run(engineRequest, signal)) {
      if (event.type === "accepted") yield { type: "start", ...meter.size };
      if (event.type === "started") meter.started(event);
      if (event.type !== "token" && event.type !== "end") continue;
      const { choice } = event;
      const answer = answers.get(choice);
      if (!answer) continue; // a stop text has ended it before the engine heard of it
      if (event.type === "token") meter.completionTokens++;
      const piece = event.type === "token" ? answer.push(event.token, event.logprob) : answer.flush();
      if (piece.text !== "" || piece.tokens.length > 0) {
        const tokens = request.sampling?.logprobs === undefined ? undefined : piece.tokens;
        yield { type: "text", choice, text: piece.text, tokens, completionTokens: meter.completionTokens };
      }
      const finishReason = answer.stopped ? "stop" : event.type === "end" ? event.reason : undefined;
      if (finishReason === undefined) continue;
      answers.delete(choice);
      if (event.type === "token" && answers.size > 0) this.#engine.stop(event.id, choice);
      yield { type: "end", choice, finishReason, usage: meter.usage };
      if (answers.size === 0) return;
    }
  }

  #engineRequest(request: GenerateRequest, { tokens, images }: Prompt): Omit<EngineRequest, "id"> {
    const { config } = this.#frontend;
    // A prompt that fills the context is left to the engine to refuse, with the numbers.
    const room = Math.max(1, this.#engine.info.contextLength - tokens.length);
    return {
      tokens,
      images,
      sampling: { ...modelSampling(this.#frontend), ...defined(request.sampling ?? {}) },
      maxTokens: Math.min(request.maxTokens ?? room, room),
      stopIds: [
        ...request.ignoreEos ? [] : config.generation.eosTokenIds,
        ...request.stopTokenIds ?? [],
      ],
      n: request.n,
      client: request.client,
    };
  }

  /** An answer for each choice that has not ended. */
  #answers(request: GenerateRequest, stopIds: readonly number[]): Map<number, Answer> {
    const options = {
      stop: request.stop ?? [],
      stopIds: new Set(stopIds),
      minTokens: request.sampling?.minTokens ?? 0,
    };
    const { tokenizer } = this.#frontend;
    return new Map(Array.from({ length: request.n ?? 1 }, (_, i) => [i, new Answer(tokenizer, options)]));
  }

  async close(): Promise<void> {
    this.#frontend.pictures.close();
    await this.#engine.close();
  }
}

/** Without the entries that are undefined, which would hide the model's own. */
function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
