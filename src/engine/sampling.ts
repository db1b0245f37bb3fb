/** How the next token is chosen from the logits. Order of operations: `adjustLogits`, then `sample` (src/ops). */
export interface Sampling {
  /** 0 is greedy. */
  readonly temperature: number;
  /** 0 keeps every token. */
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  /** Same seed, same text; left out, a random one is drawn. */
  readonly seed?: number;
  /** Added to the raw logits of these tokens; at most 1024. */
  readonly logitBias?: readonly (readonly [token: number, bias: number])[];
  /** No stop id is chosen before so many tokens are generated. */
  readonly minTokens?: number;
  /** 0 to 20: give the chosen token's log probability and so many of the best, from the raw distribution. */
  readonly logprobs?: number;
}

export const greedy: Sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
};
