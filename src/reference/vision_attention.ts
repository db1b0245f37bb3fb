import { attendOne } from "./attention.ts";

export interface VisionAttentionCase {
  readonly qkv: Float32Array; // [S, 3 H d]
  readonly keyBias: readonly number[]; // [S - realCount]
  readonly heads: number;
  readonly headDim: number;
  readonly realCount: number;
}

/** Real rows see every row, padding rows see real rows; keyBias is added to the scores of padding. In f64. */
export function visionAttention(input: VisionAttentionCase): Float64Array {
  const { qkv, keyBias, heads, headDim, realCount } = input;
  const width = heads * headDim;
  const count = qkv.length / (3 * width);
  const part = (row: number, which: number, head: number) => {
    const begin = row * 3 * width + which * width + head * headDim;
    return qkv.subarray(begin, begin + headDim);
  };
  const y: number[] = [];
  for (let s = 0; s < count; s++) {
    const visible = Array.from({ length: count }, (_, k) => k).filter((k) => s < realCount || k < realCount);
    const bias = visible.map((k) => k < realCount ? 0 : keyBias[k - realCount]!);
    for (let h = 0; h < heads; h++) {
      const keys = visible.map((k) => part(k, 1, h));
      const values = visible.map((k) => part(k, 2, h));
      y.push(...attendOne(part(s, 0, h), keys, values, bias));
    }
  }
  return Float64Array.from(y);
}
