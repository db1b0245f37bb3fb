import { uniform } from "../base/random.ts";
import type { Sampling } from "./sampling.ts";

/** Logits of one row as the runner brings them back. */
export type Output =
  | { readonly kind: "candidates"; readonly ids: Uint32Array; readonly logits: Float32Array } // best first
  | { readonly kind: "logits"; readonly logits: Float32Array }; // by id

/** What a row's next token is chosen from: the best one, the best `candidateCount`, or all. */
export type OutputMode = "greedy" | "candidates" | "logits";

/** Candidates that come back from the device for top-k sampling. */
export const candidateCount = 64;

interface Candidate {
  readonly id: number;
  value: number;
}

/**
 * Chooses next tokens. Order, as Hugging Face's generate has it: repetition, presence and frequency penalties,
 * temperature, top-k (ties with the k-th stay), top-p (smallest set that reaches p), min-p (relative to the best
 * of what is left), softmax, draw. Source: mllama-spec §8.1; vLLM's place for the additive penalties.
 */
export class Sampler {
  readonly #sampling: Sampling;
  readonly #seed: number | bigint;
  /** Tokens already in the text, and how often each was generated. */
  readonly #generated = new Map<number, number>();
  readonly #seen: Set<number>;
  #drawn = 0;

  constructor(sampling: Sampling, prompt: readonly number[]) {
    this.#sampling = sampling;
    this.#seed = sampling.seed ?? BigInt.asUintN(64, crypto.getRandomValues(new BigUint64Array(1))[0]!);
    this.#seen = new Set(sampling.repetitionPenalty === 1 ? [] : prompt);
  }

  /** The least that must come back from the device. */
  get outputMode(): OutputMode {
    const { temperature, topK, repetitionPenalty, presencePenalty, frequencyPenalty } = this.#sampling;
    if (repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0) return "logits";
    if (temperature === 0) return "greedy";
    return topK > 0 && topK < candidateCount ? "candidates" : "logits";
  }

  /** Chooses the next token from the row's logits. NaN is never chosen. */
  next(output: Output): number {
    const token = this.#choose(output);
    this.#generated.set(token, (this.#generated.get(token) ?? 0) + 1);
    this.#seen.add(token);
    return token;
  }

  #choose(output: Output): number {
    const { temperature, topK, topP, minP } = this.#sampling;
    let candidates = this.#candidates(output);
    const { id: bestId, value: bestValue } = best(candidates);
    if (temperature === 0 || candidates.length === 0) return bestId;
    // Relative to the best, so that no temperature overflows.
    for (const candidate of candidates) candidate.value = (candidate.value - bestValue) / temperature;
    // A token this far below the best has no chance in 2^53 draws.
    candidates = candidates.filter(({ value }) => value > -negligible);
    candidates.sort((a, b) => b.value - a.value || a.id - b.id);
    if (topK > 0 && topK < candidates.length) {
      const threshold = candidates[topK - 1]!.value;
      candidates = candidates.filter(({ value }) => value >= threshold);
    }
    const weights = candidates.map(({ value }) => Math.exp(value));
    const kept = cut(weights, topP, minP);
    let target = uniform(this.#seed, this.#drawn++) * sum(weights, kept);
    for (let i = 0; i < kept; i++) {
      target -= weights[i]!;
      if (target < 0) return candidates[i]!.id;
    }
    return candidates[kept - 1]!.id; // rounding left a crumb
  }

  #candidates(output: Output): Candidate[] {
    if (output.kind === "candidates") {
      return numbers(Array.from(output.ids, (id, i) => ({ id, value: output.logits[i]! })));
    }
    const { repetitionPenalty: repetition, presencePenalty, frequencyPenalty } = this.#sampling;
    const candidates = Array.from(output.logits, (value, id) => ({ id, value }));
    if (repetition !== 1) {
      for (const id of this.#seen) {
        const candidate = candidates[id]; // the image token lies outside
        if (candidate) {
          candidate.value = candidate.value < 0 ? candidate.value * repetition : candidate.value / repetition;
        }
      }
    }
    for (const [id, count] of this.#generated) {
      candidates[id]!.value -= presencePenalty + frequencyPenalty * count;
    }
    return numbers(candidates);
  }
}

/** e^-80 is below 2^-115. */
const negligible = 80;

/** Without NaN, and with infinities (of broken weights) brought to where they can be compared and subtracted. */
function numbers(candidates: Candidate[]): Candidate[] {
  const valid = candidates.filter(({ value }) => !Number.isNaN(value));
  for (const candidate of valid) candidate.value = Math.min(Math.max(candidate.value, -1e300), 1e300);
  return valid;
}

/** The highest value; among equals the smallest id. Token 0 when nothing is a number. */
function best(candidates: readonly Candidate[]): Candidate {
  let winner = candidates[0] ?? { id: 0, value: 0 };
  for (const candidate of candidates) if (candidate.value > winner.value) winner = candidate;
  return winner;
}

/** How many of the descending weights stay under top-p and then min-p; at least one. */
function cut(weights: readonly number[], topP: number, minP: number): number {
  let kept = weights.length;
  if (topP < 1) {
    // Dropped from the tail as long as the dropped mass stays within 1 − p.
    const allowed = (1 - topP) * sum(weights, kept);
    let dropped = 0;
    while (kept > 1 && dropped + weights[kept - 1]! <= allowed) dropped += weights[--kept]!;
  }
  if (minP > 0) { while (kept > 1 && weights[kept - 1]! < minP * weights[0]!) kept--; }
  return kept;
}

function sum(weights: readonly number[], count: number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += weights[i]!;
  return total;
}
