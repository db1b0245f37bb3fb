import { join } from "node:path";
import { ModelError, ModelNotFoundError } from "../base/errors.ts";
import { readSmallFile } from "../base/small_file.ts";

/** The published tokenizer.json has 17 MB; in memory it takes ten times its size. */
const maxTokenizerBytes = 1 << 28;
const maxConfigBytes = 1 << 24;

/** An entry of `added_tokens` in tokenizer.json. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly normalized: boolean;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/** tokenizer.json, as far as this program looks into it. */
export interface TokenizerFile {
  readonly added_tokens: readonly AddedToken[];
  readonly pre_tokenizer: unknown;
  readonly model: BpeModel;
}

export interface BpeModel {
  readonly type: "BPE";
  vocab: Record<string, number>;
  merges: unknown[];
}

/**
 * Reads tokenizer.json and checks that it is what the tokenizer knows: byte-level BPE without a normalizer,
 * whose added tokens are matched literally.
 *
 * @throws {ModelNotFoundError} If the file is not there.
 * @throws {ModelError} If it cannot be read, is not JSON, or is of another kind.
 */
export function readTokenizerFile(directory: string): TokenizerFile {
  const path = join(directory, "tokenizer.json");
  const file = readJson(path, maxTokenizerBytes);
  if (file === undefined) {
    throw new ModelNotFoundError(
      `Cannot open the tokenizer: "${path}" must exist, and it does not`,
      "Download the whole checkpoint, tokenizer.json included.",
    );
  }
  const model = file.model as Record<string, unknown> | undefined;
  if (model?.type !== "BPE" || typeof model.vocab !== "object" || !Array.isArray(model.merges)) {
    throw unsupported(
      path,
      `a model of type BPE with vocab and merges`,
      `type ${JSON.stringify(model?.type)}`,
    );
  }
  if (file.normalizer) {
    throw unsupported(path, "no normalizer", JSON.stringify(file.normalizer).slice(0, 80));
  }
  if (!JSON.stringify(file.pre_tokenizer ?? null).includes('"ByteLevel"')) {
    throw unsupported(path, "a ByteLevel pre-tokenizer", "another");
  }
  if (!Array.isArray(file.added_tokens)) throw unsupported(path, "a list of added tokens", "none");
  for (const token of file.added_tokens as AddedToken[]) checkAddedToken(path, token);
  checkVocabulary(path, model.vocab as Record<string, unknown>);
  return file as unknown as TokenizerFile;
}

/**
 * The token that begins a prompt, as the checkpoint names it: tokenizer_config.json, then
 * special_tokens_map.json.
 *
 * @returns undefined when neither file names one.
 * @throws {ModelError} If a file cannot be read or is not JSON.
 */
export function readBosToken(directory: string): string | undefined {
  for (const name of ["tokenizer_config.json", "special_tokens_map.json"]) {
    const token = readJson(join(directory, name), maxConfigBytes)?.bos_token;
    if (typeof token === "string") return token;
    const content = (token as { content?: unknown } | null | undefined)?.content;
    if (typeof content === "string") return content;
  }
  return undefined;
}

function checkVocabulary(path: string, vocab: Readonly<Record<string, unknown>>): void {
  for (const token in vocab) {
    if (isId(vocab[token])) continue;
    throw unsupported(path, `ids from 0 to ${maxId}`, `${JSON.stringify(vocab[token])} for a token`);
  }
}

/** Tables are made as long as the highest id; no published vocabulary has a million entries. */
const maxId = (1 << 24) - 1;

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maxId;
}

function checkAddedToken(path: string, token: AddedToken): void {
  const valid = isId(token?.id) && typeof token.content === "string" && token.content.length > 0;
  if (!valid) throw unsupported(path, "added tokens with an id and a content", JSON.stringify(token));
  // These flags change the text beside the token; no Llama checkpoint sets them.
  if (token.lstrip || token.rstrip || token.single_word) {
    throw unsupported(path, "added tokens without lstrip, rstrip and single_word", JSON.stringify(token));
  }
}

function readJson(path: string, maxBytes: number): Record<string, unknown> | undefined {
  const text = readSmallFile(path, maxBytes);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch (error) {
    throw new ModelError(`Cannot read "${path}": it must be JSON, and it is not`, undefined, {
      cause: error,
    });
  }
  throw new ModelError(`Cannot read "${path}": it must hold a JSON object, and it does not`);
}

function unsupported(path: string, need: string, have: string): ModelError {
  return new ModelError(
    `Cannot use "${path}": it must have ${need}, and it has ${have}`,
    "Use the tokenizer.json of a Llama 3.2 Vision checkpoint.",
  );
}
