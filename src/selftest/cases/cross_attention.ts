import { crossAttention, crossAttentionKernel } from "../../ops/cross_attention.ts";
import * as reference from "../../reference/cross_attention.ts";
import { type KernelCase, kernelCase, within } from "../kernel_case.ts";
import { random } from "../random.ts";

export type CrossAttentionShape = Pick<
  reference.CrossAttentionCase,
  "heads" | "kvHeads" | "headDim" | "tileTokens"
>;
export type TileRange = readonly [begin: number, end: number];

/** Five tile slots, of which slot 2 belongs to nobody and holds NaN. */
const slotCount = 5;
const tileTable = [3, 0, 4, 1, 0];

/** @param rowIds Which query a row has, so that the same row can be asked for in other company */
export function crossAttentionInput(
  shape: CrossAttentionShape,
  rowTiles: readonly TileRange[],
  rowIds: readonly number[] = rowTiles.map((_, t) => t),
): reference.CrossAttentionCase {
  const { heads, kvHeads, headDim, tileTokens } = shape;
  const rng = random(11);
  const tileSize = tileTokens * kvHeads * headDim;
  const [keys, values] = [rng.normals(slotCount * tileSize), rng.normals(slotCount * tileSize)];
  for (const cache of [keys, values]) cache.fill(NaN, 2 * tileSize, 3 * tileSize);
  const q = Float32Array.from(rowIds.flatMap((id) => [...random(100 + id).normals(heads * headDim)]));
  return { ...shape, q, keys, values, rowTiles, tileTable };
}

export function crossAttentionCase(
  name: string,
  input: reference.CrossAttentionCase,
) {
  const { heads, kvHeads, headDim, tileTokens } = input;
  const count = input.rowTiles.length;
  const cacheShape = [slotCount * tileTokens, kvHeads * headDim];
  return kernelCase({
    kernel: crossAttentionKernel,
    name,
    tensors: {
      q: { dtype: "f32", shape: [count, heads * headDim], data: input.q },
      keys: { dtype: "f32", shape: cacheShape, data: input.keys },
      values: { dtype: "f32", shape: cacheShape, data: input.values },
      rowTiles: { dtype: "u32", shape: [count, 2], data: Uint32Array.from(input.rowTiles.flat()) },
      tileTable: { dtype: "u32", shape: [input.tileTable.length], data: Uint32Array.from(input.tileTable) },
      y: { dtype: "f32", shape: [count, heads * headDim] },
    },
    record: (cmd, t) => crossAttention(cmd, t.q, t.keys, t.values, t.rowTiles, t.tileTable, t.y, input),
    want: () => ({ y: within(1e-6, reference.crossAttention(input)) }),
  });
}

/** The model's own heads: one row, and rows that see no tile, one tile and many. */
export function crossAttentionCases(): KernelCase[] {
  const shape = { heads: 8, kvHeads: 2, headDim: 128, tileTokens: 65 };
  const ranges: TileRange[] = [[0, 0], [0, 1], [0, 1], [1, 4], [2, 2], [3, 5], [0, 5]];
  return [
    crossAttentionCase("T=1, 2 tiles", crossAttentionInput(shape, [[2, 4]])),
    crossAttentionCase(`T=${ranges.length}, 0 to 5 tiles`, crossAttentionInput(shape, ranges)),
  ];
}
