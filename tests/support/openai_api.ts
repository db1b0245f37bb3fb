/** Answers that are held to the form of OpenAI's API, typed by it. */
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect } from "bun:test";
import * as schemas from "./openai_schemas.ts";

export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[] | null;
}

export interface Logprobs {
  readonly content: readonly (TokenLogprob & { readonly top_logprobs: readonly TokenLogprob[] })[] | null;
  readonly refusal: null;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens: number };
  readonly llamav?: Readonly<
    Record<"image_tiles" | "image_cache_hits" | "image_ms" | "queue_ms" | "prefill_ms" | "decode_ms", number>
  >;
}

interface Answer<Choice> {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly choices: readonly Choice[];
}

export interface ToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

export interface ChatChoice {
  readonly index: number;
  readonly message: {
    readonly role: "assistant";
    readonly content: string | null;
    readonly refusal: null;
    readonly tool_calls?: readonly ToolCall[];
  };
  readonly logprobs: Logprobs | null;
  readonly finish_reason: string;
}

export interface ChatCompletion extends Answer<ChatChoice> {
  readonly usage: Usage;
}

export interface ChatCompletionChunk extends
  Answer<{
    readonly index: number;
    readonly delta: {
      readonly role?: string;
      readonly content?: string | null;
      readonly tool_calls?: readonly {
        readonly index: number;
        readonly id?: string;
        readonly type?: "function";
        readonly function?: { readonly name?: string; readonly arguments?: string };
      }[];
    };
    readonly logprobs?: Logprobs | null;
    readonly finish_reason: string | null;
  }> {
  readonly usage?: Usage | null;
}

interface TextChoice {
  readonly index: number;
  readonly text: string;
  readonly logprobs: {
    readonly tokens: readonly string[];
    readonly token_logprobs: readonly number[];
    readonly top_logprobs: readonly Readonly<Record<string, number>>[];
    readonly text_offset: readonly number[];
  } | null;
  readonly finish_reason: string | null;
}

export interface TextCompletion extends Answer<TextChoice> {
  readonly usage: Usage;
}

export interface TextCompletionChunk extends Answer<TextChoice> {
  readonly usage?: Usage | null;
}

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** The value, if it has the form; each says where it has not. */
export const chatCompletionOf = held<ChatCompletion>(schemas.chatCompletion);
export const chatChunkOf = held<ChatCompletionChunk>(schemas.chatCompletionChunk);
export const textCompletionOf = held<TextCompletion>(schemas.textCompletion);
export const textChunkOf = held<TextCompletionChunk>(schemas.textCompletionChunk);
export const errorOf = held<ErrorBody>(schemas.errorBody);

function held<T>(schema: object): (value: unknown) => T {
  const validate = new Ajv2020({ allErrors: true }).compile<T>(schema);
  return (value) => {
    const valid = validate(value);
    const faults = (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
    expect({ faults, value: valid ? undefined : value }).toEqual({ faults: [], value: undefined });
    return value as T;
  };
}
