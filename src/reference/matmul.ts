export interface MatmulReference {
  readonly tokens: number;
  readonly columns: number;
  readonly outputs: number;
  readonly x: Float32Array;
  readonly weight: Float32Array;
  readonly bias?: Float32Array;
  readonly gelu?: boolean;
  readonly residual?: Float32Array;
  readonly scale?: number;
}

/** `y = residual + scale · act(x·Wᵀ + bias)`, in f64. */
export function matmul(given: MatmulReference): Float64Array {
  const { tokens, columns, outputs, x, weight, bias, residual, scale = 1 } = given;
  const y = new Float64Array(tokens * outputs);
  for (let t = 0; t < tokens; t++) {
    for (let n = 0; n < outputs; n++) {
      let sum = bias === undefined ? 0 : bias[n]!;
      for (let k = 0; k < columns; k++) sum += x[t * columns + k]! * weight[n * columns + k]!;
      if (given.gelu) sum = gelu(sum);
      y[t * outputs + n] = scale * sum + (residual === undefined ? 0 : residual[t * outputs + n]!);
    }
  }
  return y;
}

/** `z · (1 + erf(z / √2)) / 2`, in f64. */
export function gelu(z: number): number {
  return 0.5 * z * (1 + erf(z / Math.SQRT2));
}

/** Error function in f64, by its Maclaurin series near 0 and the continued fraction of erfc (Lentz) elsewhere. */
export function erf(z: number): number {
  const a = Math.abs(z);
  if (a > 6) return Math.sign(z);
  if (a < 2) {
    let term = z;
    let sum = z;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= -z * z / n;
      sum += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  // erfc(a) = exp(-a²) / √π · 1 / (a + (1/2) / (a + (2/2) / (a + (3/2) / (a + …)))), evaluated from the inside.
  let tail = a;
  for (let n = 200; n >= 1; n--) tail = a + n / 2 / tail;
  return Math.sign(z) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / tail);
}
