import { kernel, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkMultiple, checkShape, matrixShape } from "./check.ts";
import { rowGrid, rowWorkgroup } from "./workgroup.ts";

export const layerNormKernel = kernel({
  shader: "layer_norm",
  args: {
    x: read("f32x4"),
    weight: read("f32x4"),
    bias: read("f32x4"),
    y: write("f32x4"),
    rows: "u32",
    columns: "u32",
    eps: "f32",
  },
  spec: { WORKGROUP_SIZE: 256, ONE_SUBGROUP: 0 },
});

/**
 * LayerNorm: `y = weight · (x - mean) / sqrt(variance + eps) + bias` over rows, with the biased variance, in f32.
 * Source: Ba, Kiros and Hinton 2016, "Layer Normalization".
 *
 * @param x f32 [R, D], D a multiple of 4
 * @param weight f32 [D]
 * @param bias f32 [D]
 * @param y f32 [R, D]; may alias `x`
 * @param eps Added to the variance; 1e-5 in Llama 3.2 Vision
 * @throws {RangeError} If a shape does not fit the others, or D is not a multiple of 4.
 */
export function layerNorm(
  cmd: Recorder,
  x: Tensor<"f32">,
  weight: Tensor<"f32">,
  bias: Tensor<"f32">,
  y: Tensor<"f32">,
  eps: number,
): void {
  const [rows, columns] = matrixShape("x", x);
  checkShape("weight", weight, [columns]);
  checkShape("bias", bias, [columns]);
  checkShape("y", y, [rows, columns]);
  checkMultiple("columns of x", columns, 4);
  cmd.dispatch(
    layerNormKernel,
    { x, weight, bias, y, rows, columns, eps },
    rowGrid(rows),
    rowWorkgroup(cmd.device, columns / 4),
  );
}
