import { dtypeBytes } from "../base/dtype.ts";
import { kernel, optional, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import { sliceRows, type Tensor } from "../gpu/tensor.ts";
import { checkMultiple, checkShape, matrixShape } from "./check.ts";
import { rowRanges } from "./views.ts";
import { weightDtypeCode, type WeightTensor } from "./weight.ts";

export const embeddingKernel = kernel({
  shader: "embedding",
  args: {
    ids: read("u32"),
    table: read("words2"),
    y: write("f32x4"),
    sampled: optional(read("u32")),
    columns: "u32",
    firstRow: "u32",
    rows: "u32",
  },
  spec: { WORKGROUP_SIZE: 64, WEIGHT_DTYPE: 1, LOOKS_UP: 0 },
});

/** Added to a slot, it makes the id of a token that the host does not know yet. */
export const pendingToken = 0x80000000;

/**
 * Embedding lookup: `y[t] = table[ids[t]]`, widened to f32. The host vouches for the ids: a row of `y` whose id is
 * not in the table keeps what it held.
 *
 * @param ids u32 [T]
 * @param table f32, bf16 or f16 [V, D], D a multiple of 4
 * @param y f32 [T, D]
 * @param sampled u32 [slots]; with it, an id of `pendingToken + slot` stands for the id that `sample` left in the slot
 * @throws {RangeError} If a shape does not fit the others, or D is not a multiple of 4.
 */
export function embedding(
  cmd: Recorder,
  ids: Tensor<"u32">,
  table: WeightTensor,
  y: Tensor<"f32">,
  sampled?: Tensor<"u32">,
): void {
  const [tokens, columns] = matrixShape("y", y);
  const [rows] = matrixShape("table", table);
  checkShape("ids", ids, [tokens]);
  checkShape("table", table, [rows, columns]);
  checkMultiple("columns of table", columns, 4);
  const spec = { WEIGHT_DTYPE: weightDtypeCode[table.dtype], LOOKS_UP: Number(sampled !== undefined) };
  const groups = [Math.ceil(columns / 4 / embeddingKernel.spec.WORKGROUP_SIZE), tokens] as const;
  for (const [begin, end] of rowRanges(rows, [columns * dtypeBytes[table.dtype]], cmd.device.limits)) {
    const slice = sliceRows(table, begin, end);
    cmd.dispatch(
      embeddingKernel,
      { ids, table: slice, y, sampled, columns, firstRow: begin, rows: end - begin },
      groups,
      spec,
    );
  }
}
