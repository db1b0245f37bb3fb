import { RequestError } from "../base/errors.ts";
import type { Asker } from "../base/gate.ts";
import { type EncodeSegment, PromptTooLongError } from "../tokenizer/tokenizer.ts";
import { type Frontend, layOut } from "./prompt.ts";
import type { Conversation, Texts } from "./request.ts";

/** Longest text that is encoded without a question to the model, in tokens: more takes too long. */
const mostTokens = 131_072;

/** The texts of an open model. */
export class ModelTexts implements Texts {
  readonly #frontend: Frontend;

  constructor(frontend: Frontend) {
    this.#frontend = frontend;
  }

  async tokenize(text: string, begin: boolean, asker: Asker = {}): Promise<number[]> {
    const ids = await this.#encode("prompt", [{ text, control: false }], asker);
    return begin ? [this.#frontend.tokenizer.bosId, ...ids] : ids;
  }

  async tokenizeConversation(conversation: Conversation, signal?: AbortSignal): Promise<number[]> {
    const { client } = conversation;
    return await this.#encode("messages", layOut(this.#frontend, conversation), { client, signal });
  }

  applyTemplate(conversation: Conversation): string {
    return layOut(this.#frontend, conversation).map(({ text }) => text).join("");
  }

  detokenize(ids: readonly number[]): string {
    const { tokenizer } = this.#frontend;
    const wrong = ids.findIndex((id) => id >= tokenizer.vocabularySize);
    if (wrong >= 0) {
      const param = `tokens[${wrong}]`;
      throw new RequestError(
        `"${param}" must be less than ${tokenizer.vocabularySize}, the size of the vocabulary, not ${
          ids[wrong]
        }`,
        { param, code: "invalid_value" },
      );
    }
    const encoder = new TextEncoder();
    // As bytes to the end: a character may lie across tokens.
    const bytes = ids.map((id) => {
      const name = tokenizer.controlText(id);
      return name === undefined ? tokenizer.tokenBytes(id) : encoder.encode(name);
    });
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(bytes));
  }

  /** The tokenizer speaks of the context of an answer, which there is none. */
  async #encode(param: string, segments: readonly EncodeSegment[], asker: Asker): Promise<number[]> {
    try {
      return await this.#frontend.tokenizer.encodeInTurns(segments, { maxTokens: mostTokens, ...asker });
    } catch (error) {
      if (!(error instanceof PromptTooLongError)) throw error;
      throw new RequestError(`"${param}" must have at most ${mostTokens} tokens, and it has ${error.have}`, {
        param,
        code: "context_length_exceeded",
      });
    }
  }
}
