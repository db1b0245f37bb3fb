import { topK, topKKernel } from "../../ops/top_k.ts";
import * as reference from "../../reference/top_k.ts";
import { maxAbsError } from "../compare.ts";
import { exactly, type KernelCase, kernelCase } from "../kernel_case.ts";
import { random } from "../random.ts";

/** The `k` largest of each of these rows. */
export function topKCase(name: string, logits: Float32Array, rows: number, k: number) {
  const columns = logits.length / rows;
  return kernelCase({
    kernel: topKKernel,
    name: `${name} R=${rows} V=${columns} k=${k}`,
    tensors: {
      logits: { dtype: "f32", shape: [rows, columns], data: logits },
      ids: { dtype: "u32", shape: [rows, k] },
      best: { dtype: "f32", shape: [rows, k] },
      logSumExp: { dtype: "f32", shape: [rows] },
    },
    record: (cmd, { logits, ids, best, logSumExp }) => topK(cmd, logits, k, ids, best, logSumExp),
    want: () => {
      const want = Array.from(
        { length: rows },
        (_, row) => reference.topK(logits.subarray(row * columns, (row + 1) * columns), k),
      );
      return {
        ids: exactly(want.flatMap(({ ids }) => ids)),
        best: exactly(want.flatMap(({ logits }) => logits)),
        logSumExp: { values: want.map(({ logSumExp }) => logSumExp), limit: 2e-6, distance: sumDistance },
      };
    },
  });
}

/** Largest error per element: relative, or absolute where the sum is near 0. */
function sumDistance(have: ArrayLike<number>, want: ArrayLike<number>): number {
  const errors = Array.from(want, (value, i) => {
    const scale = Number.isFinite(value) ? Math.max(1, Math.abs(value)) : 1;
    return maxAbsError([have[i]!], [value]) / scale;
  });
  return Math.max(...errors);
}

/** Logits without pattern. */
export function topKNormalCase(rows: number, columns: number, k: number) {
  return topKCase("normal", random(1).normals(rows * columns, 3), rows, k);
}

/** Four different values only, so that nearly every rank is a tie. */
export function topKTiesCase(rows: number, columns: number, k: number) {
  const rng = random(2);
  return topKCase("ties", Float32Array.from({ length: rows * columns }, () => rng.below(4)), rows, k);
}

/** The model's own vocabulary is among them: a driver that cuts long loops short shows there only. */
export function topKCases(): KernelCase[] {
  return [
    topKNormalCase(5, 556, 1),
    topKNormalCase(2, 1025, 64),
    topKNormalCase(1, 128256, 64),
    topKTiesCase(2, 3000, 64),
    topKCase("NaN", Float32Array.of(1, NaN, 3, -Infinity, 2), 1, 5),
  ];
}
