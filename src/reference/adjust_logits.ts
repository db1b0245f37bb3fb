export interface RowAdjustment {
  readonly repetition: number;
  readonly presence: number;
  readonly frequency: number;
  readonly promptTokens: readonly number[];
  readonly generatedTokens: readonly number[];
  readonly biases: ReadonlyMap<number, number>;
  /** Tokens that are chosen only where nothing else is allowed. */
  readonly lastResorts: ReadonlySet<number>;
  /** Left out, every token is allowed. */
  readonly allowed?: ReadonlySet<number>;
}

/** One row of logits after bias, repetition, presence and frequency penalties and the mask, in f64. */
export function adjustLogits(logits: Float32Array, row: RowAdjustment): Float64Array {
  const seen = new Set([...row.promptTokens, ...row.generatedTokens]);
  return Float64Array.from(logits, (logit, id) => {
    if (Number.isNaN(logit)) return NaN;
    if (row.allowed && !row.allowed.has(id)) return -Infinity;
    if (row.lastResorts.has(id)) return -(2 - 2 ** -23) * 2 ** 127;
    let value = logit + (row.biases.get(id) ?? 0);
    if (seen.has(id)) value = value < 0 ? value * row.repetition : value / row.repetition;
    const times = row.generatedTokens.filter((token) => token === id).length;
    if (times > 0) value -= row.presence + row.frequency * times;
    return value;
  });
}
