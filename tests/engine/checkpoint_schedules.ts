import { Engine } from "../../src/engine/engine.ts";
import type { EngineImage, EngineOptions, EngineRequest } from "../../src/engine/protocol.ts";
import { greedy, type Sampling } from "../../src/engine/sampling.ts";
import { random } from "../../src/selftest/random.ts";
import { openTestDevice } from "../support/gpu.ts";
import type { ScheduleCheckpoint, SchedulePrompt } from "./schedule_checkpoints.ts";
import { halfMask, type MaskOf, type Part, runAlone, runSchedule } from "./schedules.ts";

type Request = Omit<EngineRequest, "id">;

const contextLength = 192;
const cacheTiles = 12;

/** What must not change a token. */
const variants: readonly Partial<EngineOptions>[] = [
  { maxSequences: 2, kvTokens: contextLength, chunkSize: 7 },
  { maxSequences: 8, kvTokens: contextLength, chunkSize: 33, imageTiles: 9 },
  { maxSequences: 32, kvTokens: 16 * contextLength, chunkSize: 128, imageTiles: 32 },
  { maxSequences: 8, kvTokens: 2 * contextLength, chunkSize: 64, prefixCache: false },
];

/** Requests of a schedule. The first three seeds have each size on an engine of that size, the rest mix them. */
const batchSizes = [2, 8, 32];

/** A checkpoint, the requests that schedules are made of, and what each of them says alone. */
export class CheckpointSchedules {
  readonly #engines = new Map<number, Engine>();
  preemptions = 0;
  /** The most sequences that ran at a time. */
  largestBatch = 0;

  private constructor(
    readonly directory: string,
    private readonly parts: readonly Part[],
    private readonly maskOf: MaskOf,
  ) {}

  /** Runs every request alone, on an engine that keeps nothing. */
  static async open({ directory, prompts }: ScheduleCheckpoint): Promise<CheckpointSchedules> {
    const made = await prompts();
    const solo = openEngine(directory, { maxSequences: 1, chunkSize: 128, prefixCache: false });
    try {
      const maskOf = halfMask(solo.config.text.vocabSize);
      const alone = (request: Request): Part => ({ request, expected: runAlone(solo, request, maskOf) });
      const imageToken = solo.config.imageTokenIndex;
      const parts = made.flatMap((prompt) => {
        const first = alone(plainRequest(prompt));
        return [first, ...variations(prompt, first.expected[0]!, imageToken).map(alone)];
      });
      const long = made.slice(0, 3).map((prompt, i) => alone(longAnswer(prompt, 12 + 9 * i, imageToken)));
      return new CheckpointSchedules(directory, [...parts, ...long], maskOf);
    } finally {
      solo.dispose();
    }
  }

  /** A schedule whose engine, batch, arrivals and aborts the seed chooses. The engines stay, and so do their caches. */
  run(seed: number): void {
    const data = random(seed);
    const engine = this.#engine(seed % variants.length);
    const size = batchSizes[seed % batchSizes.length]!;
    const parts = Array.from({ length: size }, (): Part => {
      const { request, expected } = this.parts[data.below(this.parts.length)]!;
      const client = { caller: `client ${data.below(3)}`, user: "" }; // of whom one may have to give way
      return { request: { ...request, client }, expected };
    });
    const before = engine.stats.preemptions;
    const shape = { spread: 1 + data.below(size), abortShare: 0.2 };
    this.largestBatch = Math.max(this.largestBatch, runSchedule(engine, parts, shape, seed, this.maskOf));
    this.preemptions += engine.stats.preemptions - before;
  }

  dispose(): void {
    for (const engine of this.#engines.values()) engine.dispose();
    this.#engines.clear();
  }

  #engine(variant: number): Engine {
    const open = this.#engines.get(variant) ?? openEngine(this.directory, variants[variant]!);
    this.#engines.set(variant, open);
    return open;
  }
}

function openEngine(model: string, options: Partial<EngineOptions>): Engine {
  return Engine.open(
    { model, contextLength, imageTiles: cacheTiles, maxQueued: 1000, ...options },
    undefined,
    openTestDevice(),
  );
}

/** Draws, and needs the counts that a slot of the device keeps of its sequence. */
const drawn: Sampling = {
  ...greedy,
  temperature: 1,
  topK: 40,
  repetitionPenalty: 1.2,
  frequencyPenalty: 0.3,
  seed: 7,
};

function plainRequest({ tokens, images }: SchedulePrompt): Request {
  return { tokens, images, sampling: greedy, maxTokens: 16, stopIds: [] };
}

/** A next turn behind its answer; several choices; drawn, with penalties; with masks; the same text about other pictures. */
function variations(prompt: SchedulePrompt, answer: readonly number[], imageToken: number): Request[] {
  const plain = plainRequest(prompt);
  const { tokens, images } = prompt;
  const question = tokens.slice(1, 20).filter((token) => token !== imageToken);
  return [
    { ...plain, tokens: [...tokens, ...answer, ...question], maxTokens: 30 },
    { ...plain, maxTokens: 3, n: 3 },
    { ...plain, sampling: drawn, n: 2 },
    { ...plain, constraint: true },
    ...images.length > 0 ? [{ ...plain, images: images.map(backwards) }] : [],
  ];
}

/** Few tokens that become many: several of them do not fit into a small cache for long. */
function longAnswer({ tokens }: SchedulePrompt, length: number, imageToken: number): Request {
  const text = tokens.filter((token) => token !== imageToken).slice(0, length);
  return { ...plainRequest({ tokens: text, images: [] }), maxTokens: 100 };
}

/** Another picture of the same size. */
function backwards(image: EngineImage): EngineImage {
  return { ...image, hash: `backwards ${image.hash}`, pixels: image.pixels.toReversed() };
}
