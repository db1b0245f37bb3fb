/** How the next token is chosen from the logits. Order of operations: mllama-spec §8.1 (see sampler.ts). */
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
