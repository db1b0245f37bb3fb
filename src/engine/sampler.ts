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
    const { temperature } = this.#sampling;
    const values = this.#penalized(output);
    const best = greatest(values);
    const idOf = (index: number) => output.kind === "candidates" ? output.ids[index]! : index;
    if (temperature === 0 || values.length === 0) return idOf(best);
    const bestValue = values[best]!;
    // Relative to the best, so that no temperature overflows.
    for (let i = 0; i < values.length; i++) values[i] = (values[i]! - bestValue) / temperature;
    const order = Array.from(values.keys());
    if (output.kind === "candidates") order.sort((a, b) => idOf(a) - idOf(b));
    const kept = keep(values, order, this.#sampling);
    // Drawn in order of the ids: what shares the row does not matter, and nothing has to be sorted for it.
    const total = kept.reduce((sum, i) => sum + Math.exp(values[i]!), 0);
    let target = uniform(this.#seed, this.#drawn++) * total;
    for (const i of kept) {
      target -= Math.exp(values[i]!);
      if (target < 0) return idOf(i);
    }
    return idOf(kept.at(-1)!); // rounding left a crumb
  }

  /** The logits in f64 after penalties, with infinities (of broken weights) brought to where they can be subtracted. */
  #penalized(output: Output): Float64Array {
    const values = Float64Array.from(output.logits);
    const { repetitionPenalty: repetition, presencePenalty, frequencyPenalty } = this.#sampling;
    if (output.kind === "logits") {
      if (repetition !== 1) {
        for (const id of this.#seen) {
          if (id >= values.length) continue; // the image token
          values[id] = values[id]! < 0 ? values[id]! * repetition : values[id]! / repetition;
        }
      }
      for (const [id, count] of this.#generated) values[id]! -= presencePenalty + frequencyPenalty * count;
    }
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i])) {
        values[i] = Number.isNaN(values[i]) ? -1e300 : Math.sign(values[i]!) * 1e300;
      }
    }
    return values;
  }
}

/** e^-40 is 2^-58: 128,000 such tokens together are drawn once in 10^12 times. */
const negligible = 40;

/** Index of the greatest value; among equals the first. */
function greatest(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** The indices, in the given order, that top-k, top-p and min-p leave. `values` are log weights, the best 0. */
function keep(values: Float64Array, order: readonly number[], { topK, topP, minP }: Sampling): number[] {
  let descending = values.filter((value) => value > -negligible).sort().reverse();
  if (topK > 0 && topK < descending.length) {
    const threshold = descending[topK - 1]!;
    descending = descending.filter((value) => value >= threshold);
  }
  const count = cut(descending.map(Math.exp), topP, minP);
  const last = descending[count - 1]!;
  // Of values equal to the last one that is kept, those with the smallest ids.
  let equals = count - descending.indexOf(last);
  return order.filter((i) => values[i]! > last || (values[i] === last && equals-- > 0));
}

/** How many of the descending weights stay under top-p and then min-p; at least one. */
function cut(weights: Float64Array, topP: number, minP: number): number {
  let kept = weights.length;
  if (topP < 1) {
    // Dropped from the tail as long as the dropped mass stays within 1 − p.
    const allowed = (1 - topP) * weights.reduce((sum, weight) => sum + weight, 0);
    let dropped = 0;
    while (kept > 1 && dropped + weights[kept - 1]! <= allowed) dropped += weights[--kept]!;
  }
  if (minP > 0) { while (kept > 1 && weights[kept - 1]! < minP * weights[0]!) kept--; }
  return kept;
}
