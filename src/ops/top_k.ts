import { kernel, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkShape, matrixShape } from "./check.ts";
import { rowWorkgroup } from "./workgroup.ts";

/** Most candidates per row. */
export const MAX_TOP_K = 64;

export const topKKernel = kernel({
  shader: "top_k",
  args: {
    logits: read("words"),
    outIds: write("u32"),
    outLogits: write("words"),
    outLogSumExp: write("f32"),
    columns: "u32",
    k: "u32",
  },
  spec: { WORKGROUP_SIZE: 256, ONE_SUBGROUP: 0, SEGMENTS: 1024 },
});

/**
 * The `k` largest logits of each row, largest first, equal ones by ascending id, and `log(Σ exp(logits))`, with which
 * the probability of a candidate is `exp(logit - logSumExp)`. `k = 1` is the argmax. NaN is smaller than everything,
 * and makes the row's log-sum-exp NaN, so that a broken forward pass is seen.
 *
 * @param logits f32 [R, V], at least `k` columns
 * @param outIds u32 [R, k], `1 ≤ k ≤ 64`
 * @param outLogits f32 [R, k]
 * @param outLogSumExp f32 [R]
 * @throws {RangeError} If a shape does not fit the others, or `k` is out of range.
 */
export function topK(
  cmd: Recorder,
  logits: Tensor<"f32">,
  k: number,
  outIds: Tensor<"u32">,
  outLogits: Tensor<"f32">,
  outLogSumExp: Tensor<"f32">,
): void {
  const [rows, columns] = matrixShape("logits", logits);
  if (!Number.isInteger(k) || k < 1 || k > Math.min(MAX_TOP_K, columns)) {
    throw new RangeError(`"k" must be from 1 to ${Math.min(MAX_TOP_K, columns)}, have ${k}`);
  }
  checkShape("outIds", outIds, [rows, k]);
  checkShape("outLogits", outLogits, [rows, k]);
  checkShape("outLogSumExp", outLogSumExp, [rows]);
  cmd.dispatch(
    topKKernel,
    { logits, outIds, outLogits, outLogSumExp, columns, k },
    [rows],
    rowWorkgroup(cmd.device, columns),
  );
}
