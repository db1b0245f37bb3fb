export interface SampleSettings {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly seed: readonly [number, number];
  readonly position: number;
}

export interface SampleReference {
  /** Undefined if the row has a NaN, or nothing above -∞. */
  readonly token: number | undefined;
  /** Whether the borders of top-p, min-p and the draw are farther away than rounding in f32 goes. */
  readonly certain: boolean;
}

/** Shares of the total that rounding may shift a border by. */
const uncertainty = 2e-5;

/**
 * The token that is chosen from a row, by full sorts and in f64: the largest for temperature 0, else drawn from what
 * top-k (ties stay), top-p (of equals the smaller ids stay) and min-p leave, in the order of ids.
 */
export function sample(logits: Float32Array, settings: SampleSettings): SampleReference {
  const { temperature, topK } = settings;
  const none = logits.some(Number.isNaN) || logits.every((logit) => logit === -Infinity);
  if (none) return { token: undefined, certain: true };
  const falling = Array.from(logits, (_, id) => id)
    .filter((id) => logits[id]! > -Infinity)
    .sort((a, b) => logits[a] === logits[b] ? a - b : logits[b]! - logits[a]!);
  const best = finite(logits[falling[0]!]!);
  if (temperature === 0) return { token: falling[0], certain: true };
  const kth = topK > 0 ? logits[falling[Math.min(topK, falling.length) - 1]!]! : -Infinity;
  const candidates = falling.filter((id) => logits[id]! >= kth)
    .map((id) => ({ id, weight: Math.exp((finite(logits[id]!) - best) / temperature) }));
  const { count, certain } = keptCount(candidates.map(({ weight }) => weight), settings);
  return draw(candidates.slice(0, count), certain, settings);
}

function finite(value: number): number {
  const most = (2 - 2 ** -23) * 2 ** 127;
  return Math.min(Math.max(value, -most), most);
}

/** How many of the falling weights top-p and then min-p leave. */
function keptCount(weights: readonly number[], { topP, minP }: SampleSettings) {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let certain = true;
  let count = weights.length;
  if (topP < 1) {
    let sum = 0;
    count = weights.findIndex((weight) => {
      sum += weight;
      certain &&= Math.abs(sum / total - topP) > uncertainty;
      return sum >= topP * total;
    }) + 1;
    if (count === 0) count = weights.length;
  }
  const enough = weights.slice(0, count).filter((weight) => weight >= minP).length;
  certain &&= minP === 0 ||
    weights.every((weight) => weight === 1 || Math.abs(weight / minP - 1) > uncertainty);
  return { count: Math.max(1, enough), certain };
}

function draw(
  kept: readonly { readonly id: number; readonly weight: number }[],
  certain: boolean,
  { seed, position }: SampleSettings,
): SampleReference {
  const rising = kept.toSorted((a, b) => a.id - b.id);
  const total = rising.reduce((sum, { weight }) => sum + weight, 0);
  const [high, low] = philox(position, seed);
  const share = (high! + low! / 2 ** 32) / 2 ** 32;
  let sum = 0;
  let token: number | undefined;
  for (const { id, weight } of rising) {
    sum += weight;
    if (id !== rising.at(-1)!.id) certain &&= Math.abs(sum / total - share) > uncertainty;
    if (token === undefined && sum > share * total) token = id;
  }
  return { token: token ?? rising.at(-1)!.id, certain };
}

/** Philox 4x32-10 for the counter (position, 0, 0, 0), by big integers. Source: Salmon et al. 2011. */
export function philox(position: number, seed: readonly [number, number]): number[] {
  const word = (value: bigint) => BigInt.asUintN(32, value);
  let counter = [BigInt(position), 0n, 0n, 0n];
  let key = seed.map(BigInt);
  for (let round = 0; round < 10; round++) {
    const first = 0xd2511f53n * counter[0]!;
    const third = 0xcd9e8d57n * counter[2]!;
    counter = [
      word(third >> 32n) ^ counter[1]! ^ key[0]!,
      word(third),
      word(first >> 32n) ^ counter[3]! ^ key[1]!,
      word(first),
    ];
    key = [word(key[0]! + 0x9e3779b9n), word(key[1]! + 0xbb67ae85n)];
  }
  return counter.map(Number);
}
