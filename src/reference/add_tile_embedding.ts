/** `x[s] + gate * table[tile of s]`, in f64. */
export function addTileEmbedding(
  x: Float32Array, // [S, C]
  rows: readonly (readonly [tile: number, token: number])[],
  table: Float32Array, // [tiles, C]
  gate: number,
): Float64Array {
  const channels = x.length / rows.length;
  return Float64Array.from(x, (value, i) => {
    const tile = rows[Math.floor(i / channels)]![0];
    return value + gate * table[tile * channels + i % channels]!;
  });
}
