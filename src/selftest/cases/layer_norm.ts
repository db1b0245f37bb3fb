import { layerNorm, layerNormKernel } from "../../ops/layer_norm.ts";
import * as reference from "../../reference/layer_norm.ts";
import { type KernelCase, kernelCase, within } from "../kernel_case.ts";
import { random } from "../random.ts";

/** Rows whose mean is not zero. */
export function layerNormCase(rows: number, columns: number) {
  const rng = random(1);
  const x = rng.normals(rows * columns, 2).map((v) => v + 0.5);
  const weight = rng.normals(columns);
  const bias = rng.normals(columns);
  return kernelCase({
    kernel: layerNormKernel,
    name: `R=${rows} D=${columns}`,
    tensors: {
      x: { dtype: "f32", shape: [rows, columns], data: x },
      weight: { dtype: "f32", shape: [columns], data: weight },
      bias: { dtype: "f32", shape: [columns], data: bias },
      y: { dtype: "f32", shape: [rows, columns] },
    },
    record: (cmd, { x, weight, bias, y }) => layerNorm(cmd, x, weight, bias, y, 1e-5),
    want: () => ({ y: within(5e-7, reference.layerNorm(x, weight, bias, 1e-5)) }),
  });
}

export function layerNormCases(): KernelCase[] {
  return [layerNormCase(65, 24), layerNormCase(3, 1028)];
}
