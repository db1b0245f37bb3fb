/** `y = weight · x / sqrt(mean(x²) + eps)` over rows as long as the weight, in f64. */
export function rmsNorm(x: Float32Array, weight: Float32Array, eps: number): Float64Array {
  const columns = weight.length;
  const y = new Float64Array(x.length);
  for (let begin = 0; begin < x.length; begin += columns) {
    let squares = 0;
    for (let i = 0; i < columns; i++) squares += x[begin + i]! ** 2;
    const root = Math.sqrt(squares / columns + eps);
    for (let i = 0; i < columns; i++) y[begin + i] = weight[i]! * x[begin + i]! / root;
  }
  return y;
}
