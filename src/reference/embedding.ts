/** `y[t] = table[ids[t]]`. */
export function embedding(ids: Uint32Array, table: Float32Array, columns: number): Float32Array {
  const y = new Float32Array(ids.length * columns);
  ids.forEach((id, t) => y.set(table.subarray(id * columns, (id + 1) * columns), t * columns));
  return y;
}
