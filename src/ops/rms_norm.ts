import { kernel, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkMultiple, checkShape, matrixShape } from "./check.ts";
import { rowGrid, rowWorkgroup } from "./workgroup.ts";

export const rmsNormKernel = kernel({
  shader: "rms_norm",
  args: {
    x: read("f32x4"),
    weight: read("f32x4"),
    y: write("f32x4"),
    rows: "u32",
    columns: "u32",
    groups: "u32",
    stride: "u32",
    offset: "u32",
    eps: "f32",
  },
  spec: { WORKGROUP_SIZE: 256, ONE_SUBGROUP: 0 },
});

/** Which part of each row is normalised: `count` heads of `D` floats each, the first at column `offset`. */
export interface HeadRange {
  readonly offset: number;
  readonly count: number;
}

/**
 * RMSNorm: `y = weight · x / sqrt(mean(x²) + eps)` over rows of `D` elements, all in f32.
 * Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization".
 *
 * @param x f32 [R, D]; with `heads`, f32 [R, W], and every head of a row is normalised on its own
 * @param weight f32 [D], D a multiple of 4
 * @param y as `x`; may alias it. With `heads`, what lies outside them is left as it was.
 * @param eps Added to the mean square; 1e-5 in Llama 3.2
 * @throws {RangeError} If a shape does not fit the others, or D, W or the offset is not a multiple of 4.
 */
export function rmsNorm(
  cmd: Recorder,
  x: Tensor<"f32">,
  weight: Tensor<"f32">,
  y: Tensor<"f32">,
  eps: number,
  heads?: HeadRange,
): void {
  const [rows, stride] = matrixShape("x", x);
  const { offset, count: groups } = heads ?? { offset: 0, count: 1 };
  const columns = heads === undefined ? stride : weight.shape[0] ?? 0;
  checkShape("weight", weight, [columns]);
  checkShape("y", y, [rows, stride]);
  checkMultiple("columns of weight", columns, 4);
  checkMultiple("columns of x", stride, 4);
  checkMultiple("offset of the heads", offset, 4);
  if (offset + groups * columns > stride) {
    throw new RangeError(`${groups} heads of ${columns} at ${offset} must fit rows of ${stride}`);
  }
  const normRows = rows * groups;
  cmd.dispatch(
    rmsNormKernel,
    { x, weight, y, rows: normRows, columns, groups, stride, offset, eps },
    rowGrid(normRows),
    rowWorkgroup(cmd.device, columns / 4),
  );
}
