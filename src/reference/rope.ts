/**
 * Rotates the pairs (j, j + headDim / 2) of the first `rotatedHeads` heads of each row by the angle
 * f32(position · invFreq[j]); everything behind that f32 product is f64.
 */
export function rope(
  qkv: Float32Array,
  positions: Uint32Array,
  invFreq: Float32Array,
  stride: number,
  rotatedHeads: number,
): Float64Array {
  const y = Float64Array.from(qkv);
  const half = invFreq.length;
  positions.forEach((position, t) => {
    for (let head = 0; head < rotatedHeads; head++) {
      for (let j = 0; j < half; j++) {
        const first = t * stride + head * 2 * half + j;
        const angle = Math.fround(position * invFreq[j]!);
        const [a, b] = [qkv[first]!, qkv[first + half]!];
        y[first] = a * Math.cos(angle) - b * Math.sin(angle);
        y[first + half] = b * Math.cos(angle) + a * Math.sin(angle);
      }
    }
  });
  return y;
}
