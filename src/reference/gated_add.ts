/** `h + gate · branch` in the rows whose tile range is not empty, `h` in the others, in f64. */
export function gatedAdd(
  h: Float32Array,
  branch: Float32Array,
  gate: number,
  rowTiles: Uint32Array,
  columns: number,
): Float64Array {
  return Float64Array.from(h, (value, i) => {
    const row = Math.floor(i / columns);
    const seesImage = rowTiles[2 * row]! < rowTiles[2 * row + 1]!;
    return seesImage ? value + gate * branch[i]! : value;
  });
}
