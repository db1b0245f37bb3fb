import type { Asker } from "../base/gate.ts";
import type { Client } from "../base/turns.ts";
import type { ToolCall } from "../chat/message.ts";
import type { Sampling } from "../engine/sampling.ts";
import type { EngineStats } from "../engine/stats.ts";
import type { Constraint } from "../grammar/constraint.ts";
import type { RuntimeCounts } from "./counts.ts";

export type { FirstAnswer } from "../engine/protocol.ts";
export type { EngineStats, Histogram } from "../engine/stats.ts";
export type { CallConstraint, Constraint } from "../grammar/constraint.ts";
export type { RuntimeCounts } from "./counts.ts";

/** Messages as a caller of the runtime gives them: images travel inside their part, as file bytes. */
export type RequestPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly bytes: Uint8Array; readonly detail?: ImageDetail };

/**
 * How closely a picture is looked at. `low`: one tile. `high` and `auto`: as many as the model's own rule gives its
 * size, up to the runtime's limit; left out, `auto`.
 */
export type ImageDetail = "auto" | "low" | "high";

export interface RequestMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: readonly RequestPart[];
  readonly toolCalls?: readonly ToolCall[];
  readonly toolCallId?: string;
}

/**
 * One request for one answer, or for several to the same messages. What is left out takes the model's generation
 * config, then the runtime's default.
 */
export interface GenerateRequest {
  readonly messages: readonly RequestMessage[];
  /**
   * A prompt without a conversation, which `messages` is empty beside: a text, behind the token that every prompt
   * begins with and never read as control tokens, or ids as they are.
   */
  readonly prompt?: string | readonly number[];
  /** Function definitions in OpenAI form, printed into the prompt as they are: what the model is told. */
  readonly tools?: readonly unknown[];
  readonly toolsInUserMessage?: boolean;
  /** The functions that may be called; left out, none: whatever the model writes is text. */
  readonly toolChoice?: ToolChoice;
  /** The template's "Today Date"; left out, the local date. */
  readonly dateString?: string;
  readonly sampling?: Partial<Sampling>;
  /** Choices: answers that differ in their draws, 1 to 16. Left out, one. */
  readonly n?: number;
  /**
   * Upper bound of generated tokens of each choice. What the context does not hold is cut off, with the finish reason
   * "length".
   */
  readonly maxTokens?: number;
  /** Texts that end the answer; they are not part of it. */
  readonly stop?: readonly string[];
  /** Tokens that end the answer, beside the checkpoint's own; they have no text. */
  readonly stopTokenIds?: readonly number[];
  /** Goes on after the checkpoint's stop ids. */
  readonly ignoreEos?: boolean;
  /** What the text of each choice must be; left out, anything. */
  readonly constraint?: Constraint;
  /** Who asks: those who ask for much take turns with the others. */
  readonly client?: Client;
  /**
   * Whose prompts it may find computed already: those with the same salt. How many tokens were found, and how fast the
   * answer begins, tells what others have asked; left out, it shares with all that have none.
   */
  readonly cacheSalt?: string;
}

export interface ToolChoice {
  /** `auto`: text or calls, as the model likes. `required`: nothing but calls, at least one. */
  readonly mode: "auto" | "required";
  readonly functions: readonly FunctionDefinition[];
  /** Whether one answer may have several calls; otherwise it ends with its first one. */
  readonly parallel: boolean;
}

/** A function that a model may call. */
export interface FunctionDefinition {
  readonly name: string;
  /** A JSON schema of its arguments, which are an object; left out, it takes none. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Arguments are held to the schema also where a call is not required. */
  readonly strict: boolean;
}

/** What the template lays out. */
export type Conversation =
  & Pick<GenerateRequest, "messages" | "tools" | "toolsInUserMessage" | "dateString" | "client">
  & {
    /** Ends with the header of the assistant's answer; left out, yes. */
    readonly addGenerationPrompt?: boolean;
  };

/** Texts to tokens and back, and conversations to the text that the model sees. Implemented by texts.ts. */
export interface Texts {
  /**
   * Ids of a plain text: it is never read as control tokens.
   *
   * @param begin whether the token that every prompt begins with goes before it
   * @throws {RequestError} If there are more than 131072.
   * @throws The signal's reason, when it is aborted.
   */
  tokenize(text: string, begin: boolean, asker?: Asker): Promise<number[]>;
  /** Ids of a conversation; its pictures are one token each and are not looked at. */
  tokenizeConversation(conversation: Conversation, signal?: AbortSignal): Promise<number[]>;
  /** The text that the model sees of a conversation. */
  applyTemplate(conversation: Conversation): string;
  /**
   * Text of ids, control tokens by their names. Bytes that are no UTF-8 become U+FFFD.
   *
   * @throws {RequestError} If an id is outside the vocabulary.
   */
  detokenize(ids: readonly number[]): string;
}

export interface Usage {
  readonly promptTokens: number;
  /** Prompt tokens whose keys and values were already there. */
  readonly cachedTokens: number;
  /** Of all choices together. */
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

/** `tool_calls`: it ended by itself, and called a function. */
export type FinishReason = "stop" | "length" | "tool_calls";

/** A token as it could be at its place. */
export interface LikelyToken {
  /** Incomplete characters are U+FFFD here; of a control token it is the name. */
  readonly text: string;
  /** What the token adds to the text; nothing, if it is a control token. */
  readonly bytes: Uint8Array | undefined;
  /** Natural logarithm, of the model's own distribution: before temperature, penalties and bias. */
  readonly logprob: number;
}

/** A token of the answer. */
export interface AnswerToken extends LikelyToken {
  /** The likeliest tokens of its place, best first. */
  readonly alternatives: readonly LikelyToken[];
}

/**
 * What an answer is made of, in order: one `start`, and for each choice any number of `text` and of calls, and one
 * `end`; those of several choices are mixed. A call is one `tool_call` and then the `tool_arguments` that belong to
 * it, with nothing else of its choice between them. Failures are thrown.
 */
export type GenerateEvent =
  | { readonly type: "start"; readonly promptTokens: number; readonly imageTiles: number }
  | {
    readonly type: "text";
    readonly choice: number;
    readonly text: string;
    /** Where log probabilities were asked for: the tokens that the text is made of. */
    readonly tokens?: readonly AnswerToken[];
    /** Generated so far, over all choices. */
    readonly completionTokens: number;
  }
  | {
    readonly type: "tool_call";
    readonly choice: number;
    /** Of the call within its choice, from 0 on. */
    readonly index: number;
    /** `call_…`, like no other. */
    readonly id: string;
    readonly name: string;
    readonly completionTokens: number;
  }
  | {
    readonly type: "tool_arguments";
    readonly choice: number;
    /** Of the call that it belongs to. */
    readonly index: number;
    /** A piece of the arguments; all pieces of a call together are a JSON object, unless the answer was cut off. */
    readonly text: string;
    readonly completionTokens: number;
  }
  | {
    readonly type: "end";
    readonly choice: number;
    readonly finishReason: FinishReason;
    /** So far; that of the last `end` is the request's. */
    readonly usage: Usage;
  };

export interface ModelInfo {
  /** The name the model is served under: the directory's last part. */
  readonly id: string;
  readonly path: string;
  readonly contextLength: number;
  /** The most that the model can have, whatever the memory. */
  readonly longestContext: number;
  /** Sequences that are computed together. */
  readonly maxSequences: number;
  /** Tiles whose keys and values stay on the device. */
  readonly imageTiles: number;
  /** Pixels of a tile's side, and most tiles that a picture is cut into. */
  readonly tileSize: number;
  readonly maxTiles: number;
  /** Token positions of the text cache, over all answers, and of one of its blocks. */
  readonly kvTokens: number;
  readonly blockSize: number;
  /** Requests with one choice each that may run and wait at the same time. */
  readonly maxRequests: number;
  /** How tokens are drawn where a request says nothing. */
  readonly sampling: Pick<Sampling, "temperature" | "topK" | "topP" | "minP" | "repetitionPenalty">;
  readonly device: string;
  /** Whether the device is a CPU, and slow. */
  readonly isCpu: boolean;
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
  /** What the engine has counted since it was opened, and what it holds. */
  readonly stats: EngineStats;
  readonly counts: RuntimeCounts;
  /** How long the engine has owed a sign of life, in ms: 0 while it gives them, and while it is loaded again. */
  readonly silentMs: number;
  /** Requests that may still be queued; at 0 one more would be refused. */
  readonly queueRoom: number;
  /** What texts are to the model, without asking it anything. */
  readonly texts: Texts;
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
