/** What became of a request. Times are of a clock that never goes back, in ms. */
export type Outcome = Answer | Failure | Abandoned;

/** An answer that came to its end. */
export interface Answer {
  readonly kind: "answer";
  readonly startMs: number;
  readonly endMs: number;
  /** When each piece of text arrived; empty for an answer that came as a whole. */
  readonly piecesMs: readonly number[];
  /** As the server counted; undefined where it does not say. */
  readonly promptTokens?: number;
  readonly completionTokens?: number;
}

export interface Failure {
  readonly kind: "failure";
  readonly startMs: number;
  readonly endMs: number;
  /** What failures are counted by: `"429 Too Many Requests"`, `"timeout"`. */
  readonly reason: string;
  /** What the server or the system said of it. */
  readonly detail: string;
  /** Of a request that was refused. */
  readonly status?: number;
  /** How long the server wants to be left alone. */
  readonly retryAfterMs?: number;
}

/** One that was open when the run was stopped. */
export interface Abandoned {
  readonly kind: "abandoned";
}

/** Tokens of an answer: the server's count, or else its pieces, which may hold several each; undefined without either. */
export function tokensOf({ completionTokens, piecesMs }: Answer): number | undefined {
  return completionTokens ?? (piecesMs.length > 0 ? piecesMs.length : undefined);
}
