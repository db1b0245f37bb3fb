import { kernel, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { attentionSpec, attentionTile, checkHeads, tileRows } from "./attention_tile.ts";
import { checkShape, matrixShape } from "./check.ts";

export const crossAttentionKernel = kernel({
  shader: "cross_attention",
  args: {
    q: read("f32x4"),
    keys: read("f32x4"),
    values: read("f32x4"),
    rowTiles: read("u32"),
    tileTable: read("u32"),
    y: write("f32x4"),
    rows: "u32",
    heads: "u32",
    kvHeads: "u32",
    tileTokens: "u32",
    scale: "f32",
  },
  spec: attentionSpec,
});

export interface CrossAttentionOptions {
  /** H, query heads. */
  readonly heads: number;
  /** KV, key and value heads; query head h uses `h div (H / KV)`. */
  readonly kvHeads: number;
  /** d, a multiple of 4 from 8 to 256. */
  readonly headDim: number;
  /** N, keys of one tile. */
  readonly tileTokens: number;
}

/**
 * Attention of text rows to the image tiles they may see:
 * `y[t, h] = Σ_k p[k]·v[k] / Σ_k p[k]` with `p[k] = exp(q[t, h]·k[k] / √d)`, k over the N keys of each tile
 * `tileTable[i]`, `rowTiles[t, 0] ≤ i < rowTiles[t, 1]`. There is no order among the keys. A row with an empty range
 * becomes zeros. A row's result has the same bits whatever the other rows are.
 * Source: Meta's llama-models, models/llama3/multimodal/model.py, CrossAttention.
 *
 * @param q f32 [T, H·d], after its norm
 * @param keys f32 [tile slots·N, KV·d], after their norm; tile slot s has the rows s·N …
 * @param values f32 [tile slots·N, KV·d]
 * @param rowTiles u32 [T, 2], begin and end in `tileTable`
 * @param tileTable u32 [entries], tile slots
 * @param y f32 [T, H·d]; must not alias
 * @throws {RangeError} If shapes or head counts do not fit.
 */
export function crossAttention(
  cmd: Recorder,
  q: Tensor<"f32">,
  keys: Tensor<"f32">,
  values: Tensor<"f32">,
  rowTiles: Tensor<"u32">,
  tileTable: Tensor<"u32">,
  y: Tensor<"f32">,
  options: CrossAttentionOptions,
): void {
  const { heads, kvHeads, headDim, tileTokens } = options;
  checkHeads(heads, kvHeads, headDim);
  const [rows] = matrixShape("q", q);
  const [keyCount] = matrixShape("keys", keys);
  checkShape("q", q, [rows, heads * headDim]);
  checkShape("keys", keys, [keyCount, kvHeads * headDim]);
  checkShape("values", values, [keyCount, kvHeads * headDim]);
  checkShape("rowTiles", rowTiles, [rows, 2]);
  checkShape("y", y, [rows, heads * headDim]);
  if (!Number.isInteger(tileTokens) || tileTokens < 1 || keyCount % tileTokens !== 0) {
    throw new RangeError(`"keys" must hold whole tiles of ${tileTokens} rows, have ${keyCount} rows`);
  }
  if (rows === 0) return;

  const groupRows = rows * (heads / kvHeads);
  const tile = attentionTile(cmd.device, 4);
  cmd.dispatch(
    crossAttentionKernel,
    { q, keys, values, rowTiles, tileTable, y, rows, heads, kvHeads, tileTokens, scale: headDim ** -0.5 },
    [Math.ceil(groupRows / tileRows(tile)), kvHeads],
    { ...tile, HEAD_DIM: headDim },
  );
}
