/** Copies columns `[offset, offset + width)` of each row of `source` to row `slots[t]` of a copy of `cache`. */
export function kvStore(
  source: Float32Array,
  { stride, offset, width }: { stride: number; offset: number; width: number },
  slots: Uint32Array,
  cache: Float32Array,
): Float32Array {
  const stored = cache.slice();
  slots.forEach((slot, t) => {
    if (slot === 0xffffffff) return;
    const begin = t * stride + offset;
    stored.set(source.subarray(begin, begin + width), slot * width);
  });
  return stored;
}
