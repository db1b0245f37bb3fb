import type { Client } from "../base/turns.ts";
import type { EngineStats } from "./stats.ts";
import type { FloatTensor } from "./capture.ts";
import type { PackedEvents } from "./packed_events.ts";
import type { Sampling } from "./sampling.ts";
import type { MemoryPlan } from "../model/plan.ts";

/** A picture ready for the vision tower: resized to its canvas, not padded, 8-bit RGB rows. */
export interface EngineImage {
  /** Hash of the pixels and of everything that preparing them depends on. */
  readonly hash: string;
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Tiles down and across. */
  readonly rows: number;
  readonly columns: number;
  readonly aspectRatioId: number;
}

/** Tokens in, tokens out. Images are in the order of their tokens in the prompt. */
export interface EngineRequest {
  readonly id: number;
  readonly tokens: readonly number[];
  readonly images: readonly EngineImage[];
  readonly sampling: Sampling;
  /** Most tokens that each choice may add. */
  readonly maxTokens: number;
  readonly stopIds: readonly number[];
  /** Answers to the same prompt, 1 to 16; they share its blocks and its images. Left out, one. */
  readonly n?: number;
  /** Go on through `stopIds`, up to `maxTokens`. */
  readonly ignoreEos?: boolean;
  /** Clients take turns (`Turns`); left out, it belongs to nobody in particular. */
  readonly client?: Client;
  /**
   * Beginnings of prompts are found by requests with the same salt only; left out, by all that have none. Pictures are
   * shared by all: a text can be guessed word by word, but a picture is found only by who has all its pixels.
   */
  readonly cacheSalt?: string;
  /** Longest time, waiting and running together; then it ends with the code "deadline_exceeded". */
  readonly deadlineMs?: number;
  /** A `mask_wanted` is posted before every token of this request, and the sequence waits for its `mask`. */
  readonly constraint?: boolean;
}

/** What the first answer will be like, as far as it is known before. */
export interface FirstAnswer {
  readonly pictures: boolean;
  /** Its tokens are drawn; otherwise each is the likeliest. */
  readonly draws: boolean;
}

/** How the worker opens its device and its model. */
export interface EngineOptions {
  readonly model: string;
  readonly device?: string;
  readonly validation?: boolean;
  /** Where compiled pipelines are kept between runs; none, nowhere. */
  readonly pipelineCache?: string;
  /** Token positions one sequence may take; left out, what model and memory allow, at most 8192. */
  readonly contextLength?: number;
  /** Rows of a prefill step. */
  readonly chunkSize?: number;
  /** Tiles whose keys and values stay on the device, over all images; left out, what memory allows, at most 16. */
  readonly imageTiles?: number;
  /** Sequences in one batch. */
  readonly maxSequences?: number;
  /** Token positions of the text cache, over all sequences; left out, what memory allows, at least one context. */
  readonly kvTokens?: number;
  /** Requests that may wait; one more is refused. */
  readonly maxQueued?: number;
  /** Tokens that waiting requests may have together, images counted by their tiles' tokens; one more is refused. */
  readonly maxQueuedTokens?: number;
  /** Keep the keys and values of prompts for later requests that begin alike; left out, yes. */
  readonly prefixCache?: boolean;
  /** What to compile kernels for while the weights are read. Left out, each is compiled when it is first used. */
  readonly firstAnswer?: FirstAnswer;
  /** Run the model once before it is ready: always, or not on a CPU, which takes long to compute what nobody asked for. */
  readonly warmUp?: boolean | "gpu";
  /** Let one row stand for equal pad rows in the vision tower; off for comparisons. */
  readonly deduplicate?: boolean;
  /** Most rows of one step whose logits can be asked for: more than one per sequence only for traces. */
  readonly outputRows?: number;
}

export interface EngineInfo {
  readonly device: string;
  readonly isCpu: boolean;
  readonly driver: string;
  readonly contextLength: number;
  readonly imageTiles: number;
  /** Token positions of the text cache, and of one of its blocks. */
  readonly kvTokens: number;
  readonly blockSize: number;
  /** Sequences in one batch, and requests that may wait. */
  readonly maxSequences: number;
  readonly maxQueued: number;
  readonly plan: MemoryPlan;
}

/** The log probability of a token, natural, from the raw distribution. */
export interface TokenLogprob {
  readonly token: number;
  readonly logprob: number;
}

/** Of a chosen token, and the most probable ones beside it, best first, as many as were asked for. */
export interface ChosenLogprob {
  readonly logprob: number;
  readonly top: readonly TokenLogprob[];
}

/**
 * What happened to a request or to one of its choices: accepted, started (its prompt is computed), token by token, and
 * how each choice ended. An error ends all choices of the request. `at` is when, in ms on a clock of the engine's thread.
 */
export type EngineEvent =
  | { readonly type: "accepted"; readonly id: number }
  | {
    readonly type: "started";
    readonly id: number;
    readonly choice: number;
    /** Prompt tokens whose keys and values were found in the prefix cache. */
    readonly cachedTokens: number;
    /** Images that another request had encoded already. */
    readonly cachedImages: number;
    readonly queueMs: number;
    readonly imageMs: number;
    readonly prefillMs: number;
    readonly at: number;
  }
  | {
    readonly type: "token";
    readonly id: number;
    readonly choice: number;
    readonly token: number;
    readonly at: number;
    readonly logprob?: ChosenLogprob;
  }
  | {
    readonly type: "end";
    readonly id: number;
    readonly choice: number;
    readonly reason: "stop" | "length";
    readonly at: number;
  }
  /** The choice waits for the mask of its next token; it has `after` tokens so far. */
  | { readonly type: "mask_wanted"; readonly id: number; readonly choice: number; readonly after: number }
  | { readonly type: "error"; readonly id: number; readonly error: ErrorReport };

/** An error in a form that survives the border; `name` tells the class to build it again. */
export interface ErrorReport {
  readonly name: string;
  readonly message: string;
  readonly remedy?: string;
  readonly param?: string;
  readonly code?: string;
  readonly stack?: string;
}

export interface TraceRequest {
  readonly id: number;
  readonly tokens: readonly number[];
  readonly images: readonly EngineImage[];
  /** Greedy tokens to add, through every stop id. */
  readonly maxTokens: number;
  /** Whether to keep the states between the stages as well. */
  readonly steps: boolean;
}

export interface TraceResult {
  /** [prompt, vocabulary] */
  readonly logits: FloatTensor;
  readonly greedyIds: readonly number[];
  /** [maxTokens, vocabulary]: row i is what id i was taken from. */
  readonly stepLogits: FloatTensor;
  /** Per image, then per layer; named as in runtime/trace.ts. Empty unless asked for. */
  readonly states: Readonly<Record<string, FloatTensor>>;
}

/**
 * The tokens that a choice may take as its token number `after`: a bit set over the vocabulary, lowest bit first, or
 * `null` where everything is allowed. Its memory is handed over.
 */
export interface MaskAnswer {
  readonly id: number;
  readonly choice: number;
  readonly after: number;
  readonly mask: Uint32Array | null;
}

export type ToEngine =
  | { readonly type: "open"; readonly options: EngineOptions }
  | { readonly type: "add"; readonly request: EngineRequest }
  | { readonly type: "abort"; readonly id: number }
  /** Ends one choice, with an `end` event; an `abort` ends the request without one. */
  | { readonly type: "stop"; readonly id: number; readonly choice: number }
  | ({ readonly type: "mask" } & MaskAnswer)
  | { readonly type: "trace"; readonly request: TraceRequest }
  /** Answered by `alive`, between two steps. */
  | { readonly type: "ping" }
  | { readonly type: "close" };

/** What is done while an engine is opened, in this order: bytes of weights are read, the model is run on nothing. */
export type LoadStage = "weights" | "warm-up";

/** Hears how far a stage has come, in bytes of weights or in runs. */
export type OnProgress = (done: number, total: number, stage: LoadStage) => void;

export type FromEngine =
  | { readonly type: "progress"; readonly done: number; readonly total: number; readonly stage: LoadStage }
  | { readonly type: "ready"; readonly info: EngineInfo }
  | { readonly type: "failed"; readonly error: ErrorReport }
  | { readonly type: "events"; readonly events: PackedEvents }
  | { readonly type: "stats"; readonly stats: EngineStats }
  | { readonly type: "traced"; readonly id: number; readonly result: TraceResult }
  | { readonly type: "alive" }
  | { readonly type: "closed" };
