import { dtypeBytes } from "../../src/base/dtype.ts";
import { matmul } from "../../src/ops/matmul.ts";
import type { WeightDtype } from "../../src/ops/weight.ts";
import { type BenchRow, benchRow } from "./row.ts";

/** Few tokens are bound by the bytes of the weight, many by arithmetic. */
function matmulRow(dtype: WeightDtype, tokens: number, columns: number, outputs: number): BenchRow {
  return benchRow({
    op: tokens <= 8 ? "matvec" : "matmul",
    shape: `${tokens}x${columns}x${outputs}`,
    dtype,
    ...(tokens <= 8
      ? { bytes: columns * outputs * dtypeBytes[dtype] }
      : { flops: 2 * tokens * columns * outputs }),
    tensors: {
      x: { dtype: "f32", shape: [tokens, columns] },
      weight: { dtype, shape: [outputs, columns] },
      y: { dtype: "f32", shape: [tokens, outputs] },
    },
    record: (cmd, { x, weight, y }) => matmul(cmd, x, weight, y),
  });
}

export const matmulRows: readonly BenchRow[] = [
  matmulRow("bf16", 1, 4096, 4096),
  matmulRow("f16", 1, 4096, 4096),
  matmulRow("f32", 1, 4096, 4096),
  matmulRow("bf16", 2, 4096, 4096),
  matmulRow("bf16", 4, 4096, 4096),
  matmulRow("bf16", 8, 4096, 4096),
  matmulRow("bf16", 128, 1024, 1024),
  matmulRow("f16", 128, 1024, 1024),
  matmulRow("f32", 128, 1024, 1024),
  matmulRow("bf16", 128, 1020, 1024),
];
