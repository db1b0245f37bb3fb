export interface TopKReference {
  readonly ids: number[];
  readonly logits: number[];
  readonly logSumExp: number;
}

/** The `k` largest logits by a full sort, equal ones by ascending id, NaN last; and log(Σ exp) in f64. */
export function topK(logits: Float32Array, k: number): TopKReference {
  const rank = (id: number) => Number.isNaN(logits[id]!) ? -Infinity : logits[id]!;
  const isNan = (id: number) => Number(Number.isNaN(logits[id]!));
  const ids = Array.from(logits, (_, id) => id)
    .sort((a, b) => isNan(a) - isNan(b) || (rank(a) === rank(b) ? a - b : rank(b) - rank(a)))
    .slice(0, k);
  return { ids, logits: ids.map((id) => logits[id]!), logSumExp: logSumExp(logits) };
}

function logSumExp(logits: Float32Array): number {
  if (logits.some(Number.isNaN)) return NaN;
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!Number.isFinite(largest)) return largest;
  return largest + Math.log(logits.reduce((sum, v) => sum + Math.exp(v - largest), 0));
}
