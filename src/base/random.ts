/**
 * Philox 4x32-10: a counter-based generator, so the n-th number of a seed needs no state and comes out the same
 * wherever it is computed. Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
 *
 * @param seed any integer; its lower 64 bits are the key
 * @param counter index of the number, 0 … 2^53 − 1
 * @returns four u32
 */
export function philox(seed: number | bigint, counter: number): Uint32Array {
  const key = BigInt.asUintN(64, BigInt(seed));
  let key0 = Number(key & 0xffffffffn);
  let key1 = Number(key >> 32n);
  let [a, b, c, d] = [counter >>> 0, Math.floor(counter / 2 ** 32) >>> 0, 0, 0];
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, a);
    const [high1, low1] = multiply(0xcd9e8d57, c);
    [a, b, c, d] = [(high1 ^ b ^ key0) >>> 0, low1, (high0 ^ d ^ key1) >>> 0, low0];
    key0 = (key0 + 0x9e3779b9) >>> 0;
    key1 = (key1 + 0xbb67ae85) >>> 0;
  }
  return Uint32Array.of(a, b, c, d);
}

/** A number in [0, 1) with 53 random bits. */
export function uniform(seed: number | bigint, counter: number): number {
  const [high, low] = philox(seed, counter);
  return ((high! >>> 5) * 2 ** 26 + (low! >>> 6)) / 2 ** 53;
}

/**
 * Numbers in [0, 1) one after the other, plain and fast, for noise of which millions are taken: a linear congruential
 * generator modulo 2^32, of which only the upper bits are good. Source: Press et al. 1992, "Numerical Recipes in C", 7.1.
 *
 * @param seed any integer; its lower 32 bits count
 */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Full 64-bit product of two u32 as [high, low]. */
function multiply(x: number, y: number): [number, number] {
  const xLow = x & 0xffff, xHigh = x >>> 16, yLow = y & 0xffff, yHigh = y >>> 16;
  const middle = xHigh * yLow + ((xLow * yLow) >>> 16);
  const cross = xLow * yHigh + (middle % 65536);
  return [
    (xHigh * yHigh + Math.floor(middle / 65536) + Math.floor(cross / 65536)) >>> 0,
    Math.imul(x, y) >>> 0,
  ];
}
