/** `y = weight · (x - mean) / sqrt(variance + eps) + bias` over rows as long as the weight, in f64. */
export function layerNorm(
  x: Float32Array,
  weight: Float32Array,
  bias: Float32Array,
  eps: number,
): Float64Array {
  const columns = weight.length;
  const y = new Float64Array(x.length);
  for (let begin = 0; begin < x.length; begin += columns) {
    const row = Float64Array.from(x.subarray(begin, begin + columns));
    const mean = row.reduce((sum, v) => sum + v, 0) / columns;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / columns;
    row.forEach((v, i) => y[begin + i] = weight[i]! * (v - mean) / Math.sqrt(variance + eps) + bias[i]!);
  }
  return y;
}
