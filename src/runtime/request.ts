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
  /** Upper bound of generated tokens. What the context does not hold is cut off, with the finish reason "length". */
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
  /** Tiles whose keys and values stay on the device. */
  readonly imageTiles: number;
  readonly device: string;
  /** What was allocated on the device, by part. */
  readonly memory: readonly { readonly name: string; readonly bytes: number }[];
  /** What a person should know of this checkpoint, one sentence each. */
  readonly notes: readonly string[];
}

/** Whether questions are answered, or wait for a model that is being loaded again, or are refused for good. */
export type RuntimeState = "ready" | "recovering" | "failed";

/** All that `cli` and `http` may know of what is below them. Implemented by runtime.ts; faked in tests. */
export interface Runtime {
  readonly model: ModelInfo;
  /** After a failure the model is loaded again by itself; what comes meanwhile waits. */
  readonly state: RuntimeState;
  /** Resolves, once, when nothing can be answered any more: it failed too often in a row, or `close`. */
  readonly failure: Promise<Error>;
  /** The same, for those who only look. */
  readonly failed: Error | undefined;
  /**
   * Answers one request. Leaving the loop, or aborting the signal, stops the sequence.
   *
   * @throws {RequestError} If the request cannot be served as it is (prompt too long, undecodable image, queue
   *   full, …); always before the `start` event.
   * @throws {InterruptedRequestError} If the device or the engine failed under it; it can be sent again.
   */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent>;
  close(): Promise<void>;
}
