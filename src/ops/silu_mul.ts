import { kernel, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkMultiple, checkShape, matrixShape } from "./check.ts";

export const siluMulKernel = kernel({
  shader: "silu_mul",
  args: { gateUp: read("f32x4"), y: write("f32x4"), columns: "u32" },
  spec: { WORKGROUP_SIZE: 64 },
});

/**
 * SwiGLU activation: `y = silu(gate) · up`, where `silu(v) = v / (1 + exp(-v))`.
 * Source: Shazeer 2020, "GLU Variants Improve Transformer", FFN_SwiGLU.
 *
 * @param gateUp f32 [T, 2F], each row the outputs of `gate_proj`, then of `up_proj`; F a multiple of 4
 * @param y f32 [T, F]
 * @throws {RangeError} If a shape does not fit the other, or F is not a multiple of 4.
 */
export function siluMul(cmd: Recorder, gateUp: Tensor<"f32">, y: Tensor<"f32">): void {
  const [tokens, columns] = matrixShape("y", y);
  checkShape("gateUp", gateUp, [tokens, 2 * columns]);
  checkMultiple("columns of y", columns, 4);
  const groups = Math.ceil(columns / 4 / siluMulKernel.spec.WORKGROUP_SIZE);
  cmd.dispatch(siluMulKernel, { gateUp, y, columns }, [groups, tokens]);
}
