import { kernel, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { attentionSpec, attentionTile, checkHeads, tileRows } from "./attention_tile.ts";
import { checkShape, matrixShape } from "./check.ts";

export const attentionKernel = kernel({
  shader: "attention",
  args: {
    qkv: read("f32x4"),
    keys: read("f32x4"),
    values: read("f32x4"),
    positions: read("u32"),
    sequences: read("u32"),
    blockTables: read("u32"),
    y: write("f32x4"),
    rows: "u32",
    heads: "u32",
    kvHeads: "u32",
    maxBlocks: "u32",
    scale: "f32",
  },
  spec: { ...attentionSpec, BLOCK_SIZE: 16 },
});

export interface AttentionOptions {
  /** H, query heads. */
  readonly heads: number;
  /** KV, key and value heads; query head h uses `h div (H / KV)`. */
  readonly kvHeads: number;
  /** d, a multiple of 4 from 8 to 256. */
  readonly headDim: number;
  /** Slots of one block of the cache. */
  readonly blockSize: number;
}

/**
 * Causal self-attention over a paged cache of keys and values:
 * `y[t, h] = Σ_k p[k]·v[k] / Σ_k p[k]` with `p[k] = exp(q[t, h]·k[k] / √d)`, k over the positions 0 … `positions[t]` of
 * the row's sequence. Position p of sequence s lies in slot `blockTables[s, p div B]·B + p mod B`, B = `blockSize`.
 * The row's own key and value must already be in the cache. A row's result has the same bits whatever the other rows are.
 * Source: Kwon et al. 2023, "Efficient Memory Management for LLM Serving with PagedAttention"; Ainslie et al. 2023, "GQA".
 *
 * @param qkv f32 [T, (H + 2·KV)·d]; only the queries are read, already rotated
 * @param keys f32 [slots, KV·d]
 * @param values f32 [slots, KV·d]
 * @param positions u32 [T]; 0xffffffff marks a padding row, which becomes zeros
 * @param sequences u32 [T], rows of `blockTables`
 * @param blockTables u32 [S, blocks]
 * @param y f32 [T, H·d]; must not alias
 * @throws {RangeError} If shapes or head counts do not fit.
 */
export function attention(
  cmd: Recorder,
  qkv: Tensor<"f32">,
  keys: Tensor<"f32">,
  values: Tensor<"f32">,
  positions: Tensor<"u32">,
  sequences: Tensor<"u32">,
  blockTables: Tensor<"u32">,
  y: Tensor<"f32">,
  options: AttentionOptions,
): void {
  const { heads, kvHeads, headDim, blockSize } = options;
  checkHeads(heads, kvHeads, headDim);
  const [rows] = matrixShape("qkv", qkv);
  const [slots] = matrixShape("keys", keys);
  const [, maxBlocks] = matrixShape("blockTables", blockTables);
  checkShape("qkv", qkv, [rows, (heads + 2 * kvHeads) * headDim]);
  checkShape("keys", keys, [slots, kvHeads * headDim]);
  checkShape("values", values, [slots, kvHeads * headDim]);
  checkShape("positions", positions, [rows]);
  checkShape("sequences", sequences, [rows]);
  checkShape("y", y, [rows, heads * headDim]);
  if (!Number.isInteger(blockSize) || blockSize < 1) {
    throw new RangeError(`"blockSize" must be a positive integer, have ${blockSize}`);
  }
  if (rows === 0) return;

  const groupRows = rows * (heads / kvHeads);
  const tile = attentionTile(cmd.device, 4);
  cmd.dispatch(
    attentionKernel,
    {
      qkv,
      keys,
      values,
      positions,
      sequences,
      blockTables,
      y,
      rows,
      heads,
      kvHeads,
      maxBlocks,
      scale: headDim ** -0.5,
    },
    [Math.ceil(groupRows / tileRows(tile)), kvHeads],
    { ...tile, HEAD_DIM: headDim, BLOCK_SIZE: blockSize },
  );
}
