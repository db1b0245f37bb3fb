/** A token of the vocabulary that stands for itself in text: `<|eot_id|>`, `<|image|>`, … */
export interface ControlToken {
  readonly id: number;
  readonly text: string;
}

/** A stretch of text: a control token by its id, or ordinary text. */
export type Piece = { readonly id: number } | { readonly text: string };

/** Finds control tokens in text: leftmost first, and of those that begin at one place the longest. */
export class ControlTokens {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #texts: ReadonlyMap<number, string>;
  /** Longest text first, as an alternation takes the first branch that fits. */
  readonly #pattern: RegExp | undefined;

  constructor(tokens: readonly ControlToken[]) {
    this.#ids = new Map(tokens.map(({ id, text }) => [text, id]));
    this.#texts = new Map(tokens.map(({ id, text }) => [id, text]));
    const texts = [...this.#ids.keys()].sort((a, b) => b.length - a.length);
    this.#pattern = texts.length > 0 ? new RegExp(texts.map(escapePattern).join("|"), "gu") : undefined;
  }

  id(text: string): number | undefined {
    return this.#ids.get(text);
  }

  text(id: number): string | undefined {
    return this.#texts.get(id);
  }

  has(id: number): boolean {
    return this.#texts.has(id);
  }

  /** Cuts `text` into control tokens and the ordinary text between them; no piece of text is empty. */
  split(text: string): Piece[] {
    const pieces: Piece[] = [];
    let begin = 0;
    for (const match of this.#pattern ? text.matchAll(this.#pattern) : []) {
      if (match.index > begin) pieces.push({ text: text.slice(begin, match.index) });
      pieces.push({ id: this.#ids.get(match[0])! });
      begin = match.index + match[0].length;
    }
    if (begin < text.length) pieces.push({ text: text.slice(begin) });
    return pieces;
  }
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
