/** One query against a list of keys and their values, in f64: `Σ p·v / Σ p`, `p = exp(q·k / √d + bias)`. */
export function attendOne(
  query: ArrayLike<number>,
  keys: readonly ArrayLike<number>[],
  values: readonly ArrayLike<number>[],
  bias: readonly number[] = keys.map(() => 0),
): number[] {
  const dim = query.length;
  const scores = keys.map((key, k) => {
    let dot = 0;
    for (let i = 0; i < dim; i++) dot += query[i]! * key[i]!;
    return dot / Math.sqrt(dim) + bias[k]!;
  });
  const greatest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = scores.map((score) => Math.exp(score - greatest));
  const total = weights.reduce((a, b) => a + b, 0);
  return Array.from(
    { length: dim },
    (_, i) =>
      keys.length === 0 ? 0 : values.reduce((sum, value, k) => sum + weights[k]! * value[i]!, 0) / total,
  );
}

export interface AttentionCase {
  readonly qkv: Float32Array; // [T, (H + 2 KV) d]
  readonly keys: Float32Array; // [slots, KV d]
  readonly values: Float32Array;
  readonly positions: readonly number[]; // [T]
  readonly sequences: readonly number[]; // [T]
  readonly blockTables: readonly (readonly number[])[];
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly blockSize: number;
}

/** Causal attention over the paged cache, row by row and head by head, in f64. Padding rows give zeros. */
export function attention(input: AttentionCase): Float64Array {
  const { qkv, keys, values, positions, sequences, blockTables, heads, kvHeads, headDim, blockSize } = input;
  const y: number[] = [];
  for (const [t, position] of positions.entries()) {
    const visible = position === 0xffffffff ? 0 : position + 1;
    const slots = Array.from({ length: visible }, (_, p) => {
      const block = blockTables[sequences[t]!]![Math.floor(p / blockSize)]!;
      return block * blockSize + p % blockSize;
    });
    for (let h = 0; h < heads; h++) {
      const kvHead = Math.floor(h / (heads / kvHeads));
      const pick = (cache: Float32Array) =>
        slots.map((slot) => cache.subarray((slot * kvHeads + kvHead) * headDim).subarray(0, headDim));
      const begin = (t * (heads + 2 * kvHeads) + h) * headDim;
      y.push(...attendOne(qkv.subarray(begin, begin + headDim), pick(keys), pick(values)));
    }
  }
  return Float64Array.from(y);
}
