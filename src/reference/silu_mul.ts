/** `y = silu(gate) · up`, in f64; each row of `gateUp` holds `columns` gates, then as many ups. */
export function siluMul(gateUp: Float32Array, columns: number): Float64Array {
  const y = new Float64Array(gateUp.length / 2);
  for (let i = 0; i < y.length; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const gate = gateUp[row * 2 * columns + column]!;
    const up = gateUp[row * 2 * columns + columns + column]!;
    y[i] = gate / (1 + Math.exp(-gate)) * up;
  }
  return y;
}
