import { rmsNorm, rmsNormKernel } from "../../ops/rms_norm.ts";
import * as reference from "../../reference/rms_norm.ts";
import { type KernelCase, kernelCase, within } from "../kernel_case.ts";
import { random } from "../random.ts";

/** Whole rows. */
export function rmsNormCase(rows: number, columns: number) {
  const rng = random(1);
  const x = rng.normals(rows * columns, 3);
  const weight = rng.normals(columns);
  return kernelCase({
    kernel: rmsNormKernel,
    name: `R=${rows} D=${columns}`,
    tensors: {
      x: { dtype: "f32", shape: [rows, columns], data: x },
      weight: { dtype: "f32", shape: [columns], data: weight },
      y: { dtype: "f32", shape: [rows, columns] },
    },
    record: (cmd, { x, weight, y }) => rmsNorm(cmd, x, weight, y, 1e-5),
    want: () => ({ y: within(3e-7, reference.rmsNorm(x, weight, 1e-5)) }),
  });
}

/** Two heads in the middle of each row, in place; the rest of the row must stay. */
export function rmsNormHeadsCase() {
  const [tokens, width, offset, count, headDim] = [3, 96, 32, 2, 16];
  const rng = random(2);
  const x = rng.normals(tokens * width);
  const weight = rng.normals(headDim);
  const isInHeads = (i: number) => i % width >= offset && i % width < offset + count * headDim;
  return kernelCase({
    kernel: rmsNormKernel,
    name: `T=${tokens}, ${count} heads of ${headDim} at ${offset}`,
    tensors: {
      x: { dtype: "f32", shape: [tokens, width], data: x, inPlace: true },
      weight: { dtype: "f32", shape: [headDim], data: weight },
    },
    record: (cmd, { x, weight }) => rmsNorm(cmd, x, weight, x, 1e-5, { offset, count }),
    want: () => {
      const normed = reference.rmsNorm(x.filter((_, i) => isInHeads(i)), weight, 1e-5).values();
      return {
        x: within(3e-7, Float64Array.from(x, (value, i) => isInHeads(i) ? normed.next().value! : value)),
      };
    },
  });
}

export function rmsNormCases(): KernelCase[] {
  return [rmsNormCase(65, 48), rmsNormCase(3, 1028), rmsNormHeadsCase()];
}
