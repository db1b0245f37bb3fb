import { EngineClient, type EngineNews } from "../engine/client.ts";
import type { EngineOptions } from "../engine/protocol.ts";
import { StreamDecoder } from "../tokenizer/stream_decoder.ts";
import { cacheDirectory } from "./cache_directory.ts";
import { modelDirectory } from "./demo_model.ts";
import { buildPrompt, type Frontend, type FrontendOptions, modelSampling, openFrontend } from "./prompt.ts";
import type { LoadProgress } from "./reports.ts";
import type { GenerateEvent, GenerateRequest, ModelInfo, Runtime, RuntimeState, Usage } from "./request.ts";
import { StopMatcher } from "./stop.ts";

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
  readonly #frontend: Frontend;
  readonly #engine: EngineClient;

  constructor(frontend: Frontend, engine: EngineClient, path: string) {
    this.#frontend = frontend;
    this.#engine = engine;
    this.model = {
      id: frontend.id,
      path,
      contextLength: engine.info.contextLength,
      imageTiles: engine.info.imageTiles,
      device: engine.info.device,
      memory: engine.info.plan.parts,
      notes: frontend.notes,
    };
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
    const { config, tokenizer } = this.#frontend;
    const { contextLength } = this.#engine.info;
    const { tokens, images } = await buildPrompt(this.#frontend, request, contextLength);
    signal?.throwIfAborted();
    const stopIds = request.ignoreEos ? [] : config.generation.eosTokenIds;
    // A prompt that fills the context is left to the engine to refuse, with the numbers.
    const room = Math.max(1, contextLength - tokens.length);
    const answer = new Answer(
      new StreamDecoder(tokenizer),
      new StopMatcher(request.stop ?? []),
      new Set(stopIds),
    );
    const imageTiles = images.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
    const sequence = this.#engine.run({
      tokens,
      images,
      sampling: { ...modelSampling(this.#frontend), ...defined(request.sampling ?? {}) },
      maxTokens: Math.min(request.maxTokens ?? room, room),
      stopIds,
    }, signal);
    const timings = { queueMs: 0, imageMs: 0, prefillMs: 0, cachedImages: 0, startedAt: performance.now() };
    const usage = (): Usage => ({
      promptTokens: tokens.length,
      completionTokens: answer.tokenCount,
      imageTiles,
      cachedImages: timings.cachedImages,
      timings: {
        queueMs: timings.queueMs,
        imageMs: timings.imageMs,
        prefillMs: timings.prefillMs,
        decodeMs: performance.now() - timings.startedAt,
      },
    });

    for await (const event of sequence) {
      if (event.type === "accepted") {
        yield { type: "start", promptTokens: tokens.length, imageTiles };
      } else if (event.type === "started") {
        Object.assign(timings, event, { startedAt: performance.now() });
      } else if (event.type === "token") {
        const text = answer.push(event.token);
        if (text !== "") yield { type: "text", text };
        if (answer.stopped) break;
      } else if (event.type === "end") {
        const rest = answer.flush();
        if (rest !== "") yield { type: "text", text: rest };
        yield { type: "end", finishReason: answer.stopped ? "stop" : event.reason, usage: usage() };
        return;
      }
    }
    yield { type: "end", finishReason: "stop", usage: usage() };
  }

  async close(): Promise<void> {
    this.#frontend.pictures.close();
    await this.#engine.close();
  }
}

/** Tokens to text, up to the first stop text. */
class Answer {
  tokenCount = 0;
  stopped = false;

  constructor(
    private readonly decoder: StreamDecoder,
    private readonly matcher: StopMatcher,
    private readonly stopIds: ReadonlySet<number>,
  ) {}

  /** Text that this token makes certain. Stop ids count as tokens and have no text. */
  push(token: number): string {
    this.tokenCount++;
    return this.stopIds.has(token) ? "" : this.#match(this.decoder.push(token));
  }

  /** What was held back at the end of the answer. */
  flush(): string {
    const rest = this.#match(this.decoder.flush());
    return this.stopped ? rest : rest + this.matcher.flush();
  }

  #match(text: string): string {
    const { emit, stopped } = this.matcher.push(text);
    this.stopped = stopped;
    return emit;
  }
}

/** Without the entries that are undefined, which would hide the model's own. */
function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
