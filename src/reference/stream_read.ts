/**
 * Sums modulo 2³² of what each of `width` invocations of a workgroup reads in `loads` loads of four words: side by side
 * with its neighbours, or in a piece of its own.
 */
export function streamRead(x: Uint32Array, width: number, loads: number, sideBySide: boolean): Uint32Array {
  const y = new Uint32Array(x.length / (4 * loads));
  for (let word = 0; word < x.length; word++) {
    const load = Math.floor(word / 4);
    const group = Math.floor(load / (width * loads));
    const within = load - group * width * loads;
    const sum = group * width + (sideBySide ? within % width : Math.floor(within / loads));
    y[sum] = y[sum]! + x[word]!;
  }
  return y;
}
