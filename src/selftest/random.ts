/** Seeded pseudo-random numbers: the same on every machine, so that what fails once fails again. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, end). */
  below(end: number): number;
  /** Standard normal. */
  normal(): number;
  /** `count` normal f32 values times `scale`. */
  normals(count: number, scale?: number): Float32Array;
  /** The integers from 0 to `count - 1` in random order. */
  permutation(count: number): number[];
}

/** The generator "mulberry32" behind `Random`: 32 bits of state, good enough for such data. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  const below = (end: number) => Math.floor(next() * end);
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return {
    next,
    below,
    normal,
    normals: (count, scale = 1) => Float32Array.from({ length: count }, () => normal() * scale),
    permutation(count) {
      const order = Array.from({ length: count }, (_, i) => i);
      for (let i = count - 1; i > 0; i--) {
        const j = below(i + 1);
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      return order;
    },
  };
}
