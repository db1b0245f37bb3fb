import { kernel, read, readWrite } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkMultiple, checkShape, matrixShape } from "./check.ts";

export const gatedAddKernel = kernel({
  shader: "gated_add",
  args: { h: readWrite("f32x4"), branch: read("f32x4"), rowTiles: read("u32"), columns: "u32", gate: "f32" },
  spec: { WORKGROUP_SIZE: 64 },
});

/**
 * The gated residual of a cross-attention layer: `h[t] += gate · branch[t]` for every row that sees an image, that is
 * `rowTiles[t, 0] < rowTiles[t, 1]`. For other rows the layer is the identity, in attention and MLP alike: the
 * weights were trained that way.
 *
 * @param h f32 [T, D], updated in place; D a multiple of 4
 * @param branch f32 [T, D]
 * @param gate `tanh` of the layer's gate parameter
 * @param rowTiles u32 [T, 2], begin and end of the tiles that the row sees
 * @throws {RangeError} If a shape does not fit the others, or D is not a multiple of 4.
 */
export function gatedAdd(
  cmd: Recorder,
  h: Tensor<"f32">,
  branch: Tensor<"f32">,
  gate: number,
  rowTiles: Tensor<"u32">,
): void {
  const [tokens, columns] = matrixShape("h", h);
  checkShape("branch", branch, [tokens, columns]);
  checkShape("rowTiles", rowTiles, [tokens, 2]);
  checkMultiple("columns of h", columns, 4);
  const groups = Math.ceil(columns / 4 / gatedAddKernel.spec.WORKGROUP_SIZE);
  cmd.dispatch(gatedAddKernel, { h, branch, rowTiles, columns, gate }, [groups, tokens]);
}
