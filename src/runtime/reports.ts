import type { GenerateRequest } from "./request.ts";

export type { EngineNews } from "../engine/client.ts";

/** What `inspect`, `doctor` and loading report, as the commands print it. Implemented by their siblings here. */

/** One part of the model, such as the vision tower: what its tensors count and weigh in the files. */
export interface InspectedPart {
  readonly name: string;
  readonly tensorCount: number;
  readonly bytes: number;
}

/** One line of the memory plan: what is allocated on the device at load. */
export interface PlannedAllocation {
  readonly name: string;
  readonly bytes: number;
}

export interface MemoryPlan {
  readonly device: string;
  readonly contextLength: number;
  /** Sequences that are computed together, as `serve` does; `run` and `chat` have one, and need less. */
  readonly maxSequences: number;
  readonly allocations: readonly PlannedAllocation[];
  readonly totalBytes: number;
  /** Bytes of the heaps that the plan may use. */
  readonly availableBytes: number;
  readonly fits: boolean;
}

/** All that can be said of a model without loading it. */
export interface Inspection {
  readonly path: string;
  readonly architecture: string;
  /** Facts of the configuration in the order of printing, such as `["text layers", "40 (8 cross-attention)"]`. */
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly tensorCount: number;
  readonly tensorBytes: number;
  readonly parts: readonly InspectedPart[];
  /** Left out when no Vulkan device could be opened. */
  readonly plan?: MemoryPlan;
  /** Why there is no plan, or why the one there is does not fit, and what to do about it. */
  readonly planProblem?: string;
  readonly warnings: readonly string[];
}

export type CheckStatus = "ok" | "warn" | "fail";

/** One line of `doctor`. */
export interface Check {
  readonly name: string;
  readonly status: CheckStatus;
  /** What was found. */
  readonly detail: string;
  /** What to do about it: one sentence, on every `warn` and `fail`. */
  readonly remedy?: string;
}

/** How far a load has come. `total` is 0 while it is not known. */
export interface LoadProgress {
  /** What is being done, such as `"weights"` or `"warm-up"`. */
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  readonly unit: "bytes" | "items";
}

/** What a trace computes: a conversation, or a text for a base model with `<|image|>` for every picture. */
export type TracePrompt =
  | {
    readonly request: Pick<GenerateRequest, "messages" | "tools" | "toolsInUserMessage" | "dateString">;
    /** Whether the prompt ends with the header of an answer. */
    readonly addGenerationPrompt: boolean;
  }
  | { readonly text: string; readonly pictures: readonly Uint8Array[] };

export interface TraceOptions {
  readonly model: string;
  readonly prompt: TracePrompt;
  readonly out: string;
  /** Greedy tokens to compute after the prompt. */
  readonly maxTokens: number;
  /** Whether the states after each step of the forward pass are written as well. */
  readonly steps: boolean;
  readonly device?: string;
  readonly contextLength?: number;
  readonly imageTiles?: number;
  readonly maxTiles?: number;
}

/** What a trace wrote: name and shape of each tensor, in file order. */
export interface TraceReport {
  readonly out: string;
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[];
}
