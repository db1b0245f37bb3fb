import { RequestError } from "../../src/base/errors.ts";
import { emptyStats } from "../../src/engine/stats.ts";
import { emptyCounts } from "../../src/runtime/counts.ts";
import type {
  EngineStats,
  GenerateEvent,
  GenerateRequest,
  ModelInfo,
  Runtime,
  RuntimeCounts,
  RuntimeState,
  Texts,
  Usage,
} from "../../src/runtime/request.ts";

export const fakeUsage: Usage = {
  promptTokens: 21,
  cachedTokens: 16,
  completionTokens: 3,
  imageTiles: 0,
  cachedImages: 0,
  timings: { queueMs: 0, imageMs: 0, prefillMs: 12.5, decodeMs: 4 },
};

/** The events of an answer made of these pieces. */
export function answer(...pieces: string[]): GenerateEvent[] {
  return [
    { type: "start", promptTokens: fakeUsage.promptTokens, imageTiles: 0 },
    ...pieces.map((text, i): GenerateEvent => ({ type: "text", choice: 0, text, completionTokens: i + 1 })),
    {
      type: "end",
      choice: 0,
      finishReason: "stop",
      usage: { ...fakeUsage, completionTokens: pieces.length },
    },
  ];
}

/** One step of a script: an event, a failure to throw, or a wait that an abort cuts short. */
export type Step = GenerateEvent | Error | { readonly waitMs: number };

/**
 * Plays a script for every request and remembers what was asked. An aborted signal ends an answer with the signal's
 * reason, as the real runtime does.
 */
export class FakeRuntime implements Runtime {
  readonly requests: GenerateRequest[] = [];
  /** Answers that are being made. */
  running = 0;
  /** Events handed out, over all requests. */
  produced = 0;
  aborted = 0;
  closed = false;
  failed: Error | undefined;
  /** Between a failure and the time when everything works again. */
  recovering = false;
  readonly failure: Promise<Error>;
  readonly model: ModelInfo;
  /** Filled in by the test. */
  stats: EngineStats = emptyStats();
  counts: RuntimeCounts = emptyCounts();
  silentMs = 0;
  readonly texts: Texts = fakeTexts;
  readonly #broken = new AbortController();

  /** @param maxRunning requests that are taken at the same time; one more is refused as by a full queue */
  constructor(
    readonly script: (request: GenerateRequest) => Iterable<Step>,
    model: Partial<ModelInfo> = {},
    readonly maxRunning = Infinity,
  ) {
    const { signal } = this.#broken;
    this.failure = new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason)));
    this.model = {
      id: "tiny",
      path: "some/folder/tiny",
      contextLength: 512,
      longestContext: 131_072,
      maxSequences: 8,
      imageTiles: 16,
      tileSize: 560,
      maxTiles: 4,
      kvTokens: 1024,
      blockSize: 16,
      maxRequests: 1000,
      sampling: { temperature: 0.6, topK: 50, topP: 0.9, minP: 0, repetitionPenalty: 1 },
      device: "fake device",
      isCpu: false,
      memory: [{ name: "weights", bytes: 28_400_000 }, { name: "text cache", bytes: 29_500_000 }],
      notes: [],
      ...model,
    };
  }

  /** Filled in by the test; a request is refused anyway when `maxRunning` of them run. */
  queueRoom = Infinity;

  get state(): RuntimeState {
    if (this.failed) return "failed";
    return this.recovering ? "recovering" : "ready";
  }

  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent> {
    this.requests.push(request);
    if (this.running >= this.maxRunning) {
      throw new RequestError("The queue is full", { code: "queue_full", remedy: "Try again later" });
    }
    const ended = AbortSignal.any([this.#broken.signal, ...(signal ? [signal] : [])]);
    this.running++;
    let complete = false;
    try {
      for (const step of this.script(request)) {
        ended.throwIfAborted();
        if (step instanceof Error) throw step;
        if ("waitMs" in step) {
          await pause(step.waitMs, ended);
          continue;
        }
        this.produced++;
        complete = step.type === "end";
        yield step;
      }
    } finally {
      this.running--;
      if (!complete) this.aborted++;
    }
  }

  /** Serves nothing from now on: what runs, and what comes, ends with this error. */
  fail(error: Error): void {
    this.failed = error;
    this.#broken.abort(error);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

/** A tokenizer whose ids are the code points; a conversation is its messages as JSON. */
const fakeTexts: Texts = {
  tokenize: (text, begin) =>
    Promise.resolve([...begin ? [0] : [], ...Array.from(text, (character) => character.codePointAt(0)!)]),
  tokenizeConversation: (conversation) => fakeTexts.tokenize(fakeTexts.applyTemplate(conversation), true),
  applyTemplate: (conversation) => JSON.stringify(conversation),
  detokenize: (ids) => String.fromCodePoint(...ids),
};

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    function onAbort(): void {
      clearTimeout(timer);
      reject(signal.reason);
    }
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** Waits until `condition` holds, and fails after ten seconds: enough for a busy machine. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("Waited ten seconds in vain");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
