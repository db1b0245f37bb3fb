import type { FloatTensor } from "./capture.ts";
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
  readonly maxTokens: number;
  readonly stopIds: readonly number[];
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
  /** Requests that may wait; one more is refused. */
  readonly maxQueued?: number;
  /** Let one row stand for equal pad rows in the vision tower; off for comparisons. */
  readonly deduplicate?: boolean;
  /** Most rows of one step whose logits can be asked for: more than one per sequence only for traces. */
  readonly outputRows?: number;
}

export interface EngineInfo {
  readonly device: string;
  readonly driver: string;
  readonly contextLength: number;
  readonly imageTiles: number;
  readonly plan: MemoryPlan;
}

/** What happened to a sequence: accepted, started (its prompt is computed), token by token, and how it ended. */
export type EngineEvent =
  | { readonly type: "accepted"; readonly id: number }
  | {
    readonly type: "started";
    readonly id: number;
    readonly cachedImages: number;
    readonly queueMs: number;
    readonly imageMs: number;
    readonly prefillMs: number;
  }
  | { readonly type: "token"; readonly id: number; readonly token: number }
  | { readonly type: "end"; readonly id: number; readonly reason: "stop" | "length" }
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

export type ToEngine =
  | { readonly type: "open"; readonly options: EngineOptions }
  | { readonly type: "add"; readonly request: EngineRequest }
  | { readonly type: "abort"; readonly id: number }
  | { readonly type: "trace"; readonly request: TraceRequest }
  | { readonly type: "close" };

export type FromEngine =
  | { readonly type: "progress"; readonly done: number; readonly total: number }
  | { readonly type: "ready"; readonly info: EngineInfo }
  | { readonly type: "failed"; readonly error: ErrorReport }
  | { readonly type: "events"; readonly events: readonly EngineEvent[] }
  | { readonly type: "traced"; readonly id: number; readonly result: TraceResult }
  | { readonly type: "closed" };
