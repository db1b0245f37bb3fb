import { attendOne } from "./attention.ts";

export interface CrossAttentionCase {
  readonly q: Float32Array; // [T, H d]
  readonly keys: Float32Array; // [tile slots N, KV d]
  readonly values: Float32Array;
  readonly rowTiles: readonly (readonly [begin: number, end: number])[]; // [T]
  readonly tileTable: readonly number[];
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly tileTokens: number;
}

/** Every row against all tokens of the tiles in its range, in f64. A row without tiles gives zeros. */
export function crossAttention(input: CrossAttentionCase): Float64Array {
  const { q, keys, values, rowTiles, tileTable, heads, kvHeads, headDim, tileTokens } = input;
  const y: number[] = [];
  for (const [t, [begin, end]] of rowTiles.entries()) {
    const slots = tileTable.slice(begin, end).flatMap((tile) =>
      Array.from({ length: tileTokens }, (_, token) => tile * tileTokens + token)
    );
    for (let h = 0; h < heads; h++) {
      const kvHead = Math.floor(h / (heads / kvHeads));
      const pick = (cache: Float32Array) =>
        slots.map((slot) => cache.subarray((slot * kvHeads + kvHead) * headDim).subarray(0, headDim));
      const at = (t * heads + h) * headDim;
      y.push(...attendOne(q.subarray(at, at + headDim), pick(keys), pick(values)));
    }
  }
  return Float64Array.from(y);
}
