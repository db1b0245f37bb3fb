import { RequestError } from "../base/errors.ts";
import { encodeAdjustment, lastResort } from "../ops/adjust_logits.ts";
import { floatBits } from "../ops/float_bits.ts";
import { encodeChoice } from "../ops/sample.ts";
import type { Sampling } from "./sampling.ts";

/** Tokens of one sequence whose logits can be shifted: biases and stop ids together. */
export const maxEdits = 1280;

/**
 * What the device must know to choose a sequence's tokens, encoded once for all its steps. The order of operations
 * is that of `adjustLogits`, then of `sample`.
 */
export class Sampler {
  /** For `sample`; where and when is written by the step. */
  readonly choice: Uint32Array;
  /** For `adjustLogits`; which edits count is written by the step. */
  readonly adjustment: Uint32Array;
  /** Whether tokens are drawn, rather than the largest logit taken. */
  readonly draws: boolean;
  /** Whether the sequence needs the counts of its tokens. */
  readonly counts: boolean;
  /** How many of the best tokens come back with the log probability of the chosen one; undefined for neither. */
  readonly logprobs: number | undefined;
  readonly #minTokens: number;
  /** Id and bias of each shifted token. */
  readonly #edits: Uint32Array;
  /** The same as long as there are fewer than `minTokens`: stop ids are chosen only where nothing else is allowed. */
  readonly #earlyEdits: Uint32Array;

  /**
   * @param sampling whose seed is the sequence's own; 0 if left out
   * @throws {RequestError} If more tokens are shifted than there is room for.
   */
  constructor(sampling: Sampling, stopIds: readonly number[] = []) {
    const { temperature, topK, topP, minP, minTokens = 0, logitBias = [] } = sampling;
    const repetition = sampling.repetitionPenalty;
    const presence = sampling.presencePenalty;
    const frequency = sampling.frequencyPenalty;
    this.draws = temperature > 0;
    this.counts = repetition !== 1 || presence !== 0 || frequency !== 0;
    this.logprobs = sampling.logprobs;
    this.#minTokens = minTokens;
    const seed = seedWords(sampling.seed ?? 0);
    const place = { logitsRow: 0, slot: 0, position: 0 };
    this.choice = encodeChoice({ ...place, counted: this.counts, temperature, topK, topP, minP, seed });
    const penalties = { penalized: this.counts, repetition, presence, frequency };
    this.adjustment = encodeAdjustment({ slot: 0, ...penalties, editCount: 0, masked: false });
    const biases = new Map<number, number>();
    for (const [token, bias] of logitBias) biases.set(token, (biases.get(token) ?? 0) + bias);
    this.#edits = encodeEdits(biases);
    if (minTokens > 0) { for (const id of stopIds) biases.set(id, lastResort); }
    this.#earlyEdits = encodeEdits(biases);
  }

  /** Pairs of id and bits of the bias, for the token behind `generatedCount` others. */
  edits(generatedCount: number): Uint32Array {
    return generatedCount < this.#minTokens ? this.#earlyEdits : this.#edits;
  }

  /** Whether anything changes in the logits before that token is chosen. */
  adjusts(generatedCount: number, masked: boolean): boolean {
    return masked || this.counts || this.edits(generatedCount).length > 0;
  }
}

/** The lower 64 bits of any integer. */
function seedWords(seed: number): [number, number] {
  const bits = BigInt.asUintN(64, BigInt(seed));
  return [Number(bits & 0xffffffffn), Number(bits >> 32n)];
}

function encodeEdits(biases: ReadonlyMap<number, number>): Uint32Array {
  if (biases.size > maxEdits) {
    throw new RequestError(
      `The logit bias and the stop ids name ${biases.size} tokens, ${maxEdits} are allowed together`,
      { param: "logit_bias", remedy: "Name fewer tokens" },
    );
  }
  const edits = new Uint32Array(2 * biases.size);
  let next = 0;
  for (const [token, bias] of biases) {
    edits[next++] = token;
    edits[next++] = floatBits(bias);
  }
  return edits;
}
