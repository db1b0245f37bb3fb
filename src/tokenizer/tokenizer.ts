import { Tokenizer as BpeEncoder } from "@huggingface/tokenizers";
import { ModelError, RequestError } from "../base/errors.ts";
import { type Asker, Gate } from "../base/gate.ts";
import { byteCharacters, bytesOfToken, wholeTextOf } from "./byte_level.ts";
import { ControlTokens, type Piece } from "./control_tokens.ts";
import { sliceLength, textSlices } from "./text_slices.ts";
import { readBosToken, readTokenizerFile, type TokenizerFile } from "./tokenizer_file.ts";

/** A stretch of a prompt. `control` text comes from the chat template: only in it are control tokens seen. */
export interface EncodeSegment {
  readonly text: string;
  readonly control: boolean;
}

export interface EncodeOptions {
  /** Where to stop: a text of megabytes is not encoded to its end to be refused then. */
  readonly maxTokens?: number;
}

/** A prompt that was not encoded to its end, or not at all. */
export class PromptTooLongError extends RequestError {
  /** @param have how many tokens it has, in words: where the encoding stopped early, at least so many */
  constructor(maxTokens: number, readonly have: string) {
    super(`Cannot encode the prompt: it must have at most ${maxTokens} tokens, and it has ${have}`, {
      param: "messages",
      code: "context_length_exceeded",
      remedy: "Shorten the prompt",
    });
  }
}

/** Text to ids and back. Byte-level BPE of Llama 3; every id of an added token counts as a control token. */
export interface Tokenizer {
  /** One more than the highest id, added tokens included. May exceed the rows of `lm_head`. */
  readonly vocabularySize: number;
  /** The token every prompt begins with, as text and as id. */
  readonly bosToken: string;
  readonly bosId: number;
  /**
   * Ids of `text`; never adds a token of its own, BOS included. With `control: false` the text can spell
   * anything and still gives no control id.
   */
  encode(text: string, options: { control: boolean }): number[];
  /**
   * Ids of segments laid end to end. Ordinary text that touches across a border is encoded as one text, as if
   * the whole prompt had been a single string, yet control tokens are seen inside control segments only.
   *
   * @throws {PromptTooLongError} If there are more than `maxTokens`.
   * @throws {RequestError} If more than 32 Ki characters are all letters, all digits, all signs or all white space.
   */
  encodeSegments(segments: readonly EncodeSegment[], options?: EncodeOptions): number[];
  /**
   * The same, for texts of strangers. They are encoded bit by bit, clients in turn, and however many texts there are, the
   * rest of the process has its turn between any two bits.
   *
   * @throws The signal's reason, when it is aborted: at most one more bit is encoded.
   */
  encodeInTurns(segments: readonly EncodeSegment[], options?: EncodeOptions & Asker): Promise<number[]>;
  /** Text of ids; control tokens are left out, bytes that are no UTF-8 become U+FFFD, nothing is cleaned up. */
  decode(ids: readonly number[]): string;
  /** Bytes of one token; none for control tokens and for ids outside the vocabulary. */
  tokenBytes(id: number): Uint8Array;
  /** Text of one token that is made of whole characters, empty where `tokenBytes` is; `undefined` for any other. */
  wholeText(id: number): string | undefined;
  /** One token in the byte-level alphabet, as tokenizer.json spells it; empty where `tokenBytes` is. */
  spelling(id: number): string;
  isControl(id: number): boolean;
  /** Id of a control token by its text, `<|image|>` for one. */
  controlId(text: string): number | undefined;
  /** Text of a control token. */
  controlText(id: number): string | undefined;
}

/**
 * Opens the tokenizer of a checkpoint directory (tokenizer.json, and the name of BOS from
 * tokenizer_config.json or special_tokens_map.json).
 *
 * @throws {ModelNotFoundError} If there is no tokenizer.json.
 * @throws {ModelError} If it is no byte-level BPE tokenizer, or BOS is not one of its control tokens.
 */
export function openTokenizer(directory: string): Tokenizer {
  const file = readTokenizerFile(directory);
  const bosToken = readBosToken(directory) ?? "<|begin_of_text|>";
  const bos = file.added_tokens.find((token) => token.content === bosToken);
  if (!bos) {
    throw new ModelError(
      `Cannot open the tokenizer of "${directory}": its BOS token must be an added token, and "${bosToken}" is not`,
      "Download tokenizer.json and tokenizer_config.json of the checkpoint again.",
    );
  }
  return new LlamaTokenizer(file, bosToken, bos.id);
}

class LlamaTokenizer implements Tokenizer {
  readonly vocabularySize: number;
  readonly #encoder: BpeEncoder;
  readonly #control: ControlTokens;
  /** Bytes of the longest entry of the vocabulary. */
  readonly #longestToken: number;
  /** By id, as they are asked for; `null` for those that are not whole characters. */
  readonly #wholeTexts: (string | null | undefined)[];
  /** Through it goes one bit of one text at a time. */
  readonly #gate = new Gate(1);

  constructor(file: TokenizerFile, readonly bosToken: string, readonly bosId: number) {
    const added = file.added_tokens;
    this.#control = new ControlTokens(added.map(({ id, content }) => ({ id, text: content })));
    this.vocabularySize = 1 + highestId(file);
    this.#wholeTexts = new Array(this.vocabularySize);
    // Control tokens come from added_tokens only, so the encoder below has to see none, whether there or among
    // the ordinary entries: then no text can reach their ids, whatever it spells.
    for (const token of added) delete file.model.vocab[token.content];
    checkBytes(file.model.vocab);
    this.#longestToken = longestKey(file.model.vocab);
    const bpe = { ...file, added_tokens: [], normalizer: null, post_processor: null, decoder: null };
    this.#encoder = new BpeEncoder(bpe, {});
    // The encoder keeps its own tables and the file it read. Of the real vocabulary that file is 100 MB.
    file.model.vocab = {};
    file.model.merges = [];
  }

  encode(text: string, { control }: { control: boolean }): number[] {
    return this.encodeSegments([{ text, control }]);
  }

  encodeSegments(segments: readonly EncodeSegment[], { maxTokens = Infinity }: EncodeOptions = {}): number[] {
    const encoding = this.#encode(segments, maxTokens);
    for (;;) {
      const step = encoding.next();
      if (step.done) return step.value;
    }
  }

  async encodeInTurns(
    segments: readonly EncodeSegment[],
    { maxTokens = Infinity, client, signal }: EncodeOptions & Asker = {},
  ): Promise<number[]> {
    const encoding = this.#encode(segments, maxTokens);
    for (;;) {
      const step = await this.#gate.run(async () => {
        const step = encoding.next();
        // Still at the gate: the next bit, whoever's it is, comes after the rest of the process.
        await new Promise((resolve) => setImmediate(resolve));
        return step;
      }, { client, signal });
      if (step.done) return step.value;
    }
  }

  /**
   * Stops before a slice with which there would be more characters since the last stop than a slice has: a conversation
   * of many short messages is as quick as one text of its length.
   */
  *#encode(segments: readonly EncodeSegment[], maxTokens: number): Generator<void, number[]> {
    // A token has no more bytes than the longest one, and a character has one at least.
    const length = segments.reduce((sum, { text, control }) => control ? sum : sum + text.length, 0);
    const fewest = Math.ceil(length / this.#longestToken);
    if (fewest > maxTokens) throw new PromptTooLongError(maxTokens, `at least ${fewest}`);
    const ids: number[] = [];
    let characters = 0;
    for (const piece of this.#pieces(segments)) {
      if ("id" in piece) {
        ids.push(piece.id);
        continue;
      }
      for (const slice of textSlices(piece.text)) {
        if (characters > 0 && characters + slice.length > sliceLength) {
          yield;
          characters = 0;
        }
        characters += slice.length;
        appendAll(ids, this.#encoder.encode(slice, { add_special_tokens: false }).ids);
        if (ids.length > maxTokens) throw new PromptTooLongError(maxTokens, `at least ${ids.length}`);
      }
    }
    if (ids.length > maxTokens) throw new PromptTooLongError(maxTokens, String(ids.length));
    return ids;
  }

  /** The control tokens of control segments, and the ordinary text between them, joined across borders. */
  *#pieces(segments: readonly EncodeSegment[]): Generator<Piece> {
    let plain = "";
    for (const { text, control } of segments) {
      for (const piece of control ? this.#control.split(text) : [{ text }]) {
        if ("text" in piece) {
          plain += piece.text;
        } else {
          yield { text: plain };
          plain = "";
          yield piece;
        }
      }
    }
    yield { text: plain };
  }

  decode(ids: readonly number[]): string {
    const parts = ids.map((id) => this.tokenBytes(id));
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(parts));
  }

  tokenBytes(id: number): Uint8Array {
    return bytesOfToken(this.spelling(id));
  }

  wholeText(id: number): string | undefined {
    let text = this.#wholeTexts[id];
    if (text === undefined) text = this.#wholeTexts[id] = wholeTextOf(this.tokenBytes(id)) ?? null;
    return text ?? undefined;
  }

  spelling(id: number): string {
    return this.#encoder.id_to_token(id) ?? "";
  }

  isControl(id: number): boolean {
    return this.#control.has(id);
  }

  controlId(text: string): number | undefined {
    return this.#control.id(text);
  }

  controlText(id: number): string | undefined {
    return this.#control.text(id);
  }
}

/** In the byte-level alphabet a character is a byte. */
function longestKey(vocab: Readonly<Record<string, number>>): number {
  let longest = 0;
  for (const token in vocab) longest = Math.max(longest, token.length);
  return longest;
}

function highestId(file: TokenizerFile): number {
  let highest = 0;
  for (const token of file.added_tokens) highest = Math.max(highest, token.id);
  for (const token in file.model.vocab) highest = Math.max(highest, file.model.vocab[token]!);
  return highest;
}

/**
 * With a token for each byte value there is no text without ids, hence no unknown token.
 *
 * @throws {ModelError} If a byte value has none.
 */
function checkBytes(vocab: Readonly<Record<string, number>>): void {
  const have = byteCharacters.filter((character) => vocab[character] !== undefined).length;
  if (have === byteCharacters.length) return;
  throw new ModelError(
    `Cannot use tokenizer.json: its vocabulary must hold each of the 256 bytes, and it holds ${have}`,
    "Use the tokenizer.json of a Llama 3.2 Vision checkpoint.",
  );
}

/** `push(...ids)` would put a long prompt on the stack. */
function appendAll(target: number[], source: readonly number[]): void {
  for (const id of source) target.push(id);
}
