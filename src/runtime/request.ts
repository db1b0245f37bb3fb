import type { ToolCall } from "../chat/message.ts";
import type { Sampling } from "../engine/sampling.ts";

/** Messages as a caller of the runtime gives them: images travel inside their part, as file bytes. */
export type RequestPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly bytes: Uint8Array };

export interface RequestMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: readonly RequestPart[];
  readonly toolCalls?: readonly ToolCall[];
  readonly toolCallId?: string;
}

/** One request for one answer. What is left out takes the model's generation config, then the runtime's default. */
export interface GenerateRequest {
  readonly messages: readonly RequestMessage[];
  /** Function definitions in OpenAI form, printed into the prompt as they are. */
  readonly tools?: readonly unknown[];
  readonly toolsInUserMessage?: boolean;
  /** The template's "Today Date"; left out, the local date. */
  readonly dateString?: string;
  readonly sampling?: Partial<Sampling>;
  /** Upper bound of generated tokens; left out, what the context still holds. */
  readonly maxTokens?: number;
  /** Texts that end the answer; they are not part of it. */
  readonly stop?: readonly string[];
  /** Goes on after the checkpoint's stop ids. */
  readonly ignoreEos?: boolean;
}

export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Tiles of all images of the request. */
  readonly imageTiles: number;
  /** Images whose keys and values were already there. */
  readonly cachedImages: number;
  readonly timings: {
    readonly queueMs: number;
    readonly imageMs: number;
    readonly prefillMs: number;
    readonly decodeMs: number;
  };
}

export type FinishReason = "stop" | "length";

/** What an answer is made of, in order: one `start`, any number of `text`, one `end`. Failures are thrown. */
export type GenerateEvent =
  | { readonly type: "start"; readonly promptTokens: number; readonly imageTiles: number }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "end"; readonly finishReason: FinishReason; readonly usage: Usage };

export interface ModelInfo {
  /** The name the model is served under: the directory's last part. */
  readonly id: string;
  readonly path: string;
  readonly contextLength: number;
  readonly vocabularySize: number;
  /** Whether a Llama checkpoint is served, so that "Built with Llama" must be said. */
  readonly device: string;
}

/** All that `cli` and `http` may know of what is below them. Implemented by runtime.ts; faked in tests. */
export interface Runtime {
  readonly model: ModelInfo;
  /**
   * Answers one request. Leaving the loop, or aborting the signal, stops the sequence.
   *
   * @throws {RequestError} If the request cannot be served as it is (prompt too long, undecodable image, …);
   *   always before the `start` event.
   */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent>;
  close(): Promise<void>;
}
