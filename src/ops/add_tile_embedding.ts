import { kernel, read, readWrite } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkMultiple, checkShape, matrixShape } from "./check.ts";

export const addTileEmbeddingKernel = kernel({
  shader: "add_tile_embedding",
  args: {
    x: readWrite("f32x4"),
    rows: read("u32"),
    table: read("f32x4"),
    channels: "u32",
    gate: "f32",
  },
  spec: { WORKGROUP_SIZE: 64 },
});

/**
 * Adds the embedding of its tile to every row, padding rows too: `x[s] += gate·table[rows[s, 0]]`.
 * Source: mllama-spec §3.7, step 4 (post-tile position embedding).
 *
 * @param x f32 [S, C], in place; C a multiple of 4
 * @param rows u32 [S, 2], tile and token of each row
 * @param table f32 [tiles·C]
 * @param gate the factor itself, tanh already taken
 * @throws {RangeError} If shapes do not fit.
 */
export function addTileEmbedding(
  cmd: Recorder,
  x: Tensor<"f32">,
  rows: Tensor<"u32">,
  table: Tensor<"f32">,
  gate: number,
): void {
  const [count, channels] = matrixShape("x", x);
  checkMultiple("channels", channels, 4);
  checkShape("rows", rows, [count, 2]);
  checkMultiple("table's size", table.shape[0]!, channels);
  checkShape("table", table, [table.shape[0]!]);
  if (count === 0) return;
  cmd.dispatch(
    addTileEmbeddingKernel,
    { x, rows, table, channels, gate },
    [Math.ceil(channels / 4 / addTileEmbeddingKernel.spec.WORKGROUP_SIZE), count],
  );
}
