/** What the compiler must know of the model's tokens, as plain data: it goes to each of its threads. */
export interface Vocabulary {
  /**
   * Every token in the byte-level alphabet, by its id, with a space between two: the alphabet has none. Control tokens
   * are empty, and are in no answer that is held to a grammar.
   */
  readonly spellings: string;
  /** Rows of the model's output, which masks have bits for. */
  readonly size: number;
  /** A control token, to stand for the end of an answer between here and the compiler. */
  readonly endId: number;
}
