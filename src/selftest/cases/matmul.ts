import { matmul, matmulKernel, matmulNarrowKernel } from "../../ops/matmul.ts";
import type { WeightDtype } from "../../ops/weight.ts";
import * as reference from "../../reference/matmul.ts";
import { type KernelCase, kernelCase, within } from "../kernel_case.ts";
import { random } from "../random.ts";
import { encodeWeight } from "../weight_bytes.ts";

export interface MatmulSizes {
  readonly tokens: number;
  readonly columns: number;
  readonly outputs: number;
}

/** Parts of the epilogue that a case uses. */
export type EpiloguePart = "bias" | "gelu" | "scale" | "residual";

/** Sums of `columns` products of unit normals: f32 noise grows with the root of the count, from 6e-8 per step. */
export const matmulTolerance = 1e-6;

/** The product, and whatever of the epilogue is asked for. */
export function matmulCase(dtype: WeightDtype, sizes: MatmulSizes, parts: readonly EpiloguePart[] = []) {
  const { tokens, columns, outputs } = sizes;
  const rng = random(1);
  const x = rng.normals(tokens * columns);
  const weight = encodeWeight(dtype, rng.normals(outputs * columns, columns ** -0.5));
  const bias = rng.normals(outputs);
  const residual = rng.normals(tokens * outputs);
  const scale = parts.includes("scale") ? -0.75 : undefined;
  const gelu = parts.includes("gelu");
  return kernelCase({
    kernel: dtype === "f32" || columns % 8 === 0 ? matmulKernel : matmulNarrowKernel,
    name: [`${dtype} T=${tokens} K=${columns} N=${outputs}`, ...parts].join(" "),
    tensors: {
      x: { dtype: "f32", shape: [tokens, columns], data: x },
      weight: { dtype, shape: [outputs, columns], data: weight.bytes },
      bias: { dtype: "f32", shape: [outputs], data: bias },
      residual: { dtype: "f32", shape: [tokens, outputs], data: residual },
      y: { dtype: "f32", shape: [tokens, outputs] },
    },
    record: (cmd, t) =>
      matmul(cmd, t.x, t.weight, t.y, {
        bias: parts.includes("bias") ? t.bias : undefined,
        activation: gelu ? "gelu" : undefined,
        residual: parts.includes("residual") ? t.residual : undefined,
        scale,
      }),
    want: () => {
      const given = {
        ...{ bias: parts.includes("bias") ? bias : undefined, gelu, scale },
        residual: parts.includes("residual") ? residual : undefined,
      };
      const y = reference.matmul({ ...sizes, ...given, x, weight: weight.values });
      return { y: within(matmulTolerance, y) };
    },
  });
}

/** Every dtype at every width of tile that a device chooses among, with sizes that end inside a tile. */
export function matmulCases(): KernelCase[] {
  return (["f32", "bf16", "f16"] as const).flatMap((dtype) => [
    ...[1, 2, 3, 8, 33].map((tokens) => matmulCase(dtype, { tokens, columns: 1048, outputs: 65 })),
    matmulCase(dtype, { tokens: 3, columns: 32, outputs: 40 }, ["bias", "gelu", "scale", "residual"]),
    // K an odd multiple of 4: every other row of 16-bit weights is misaligned.
    ...(dtype === "f32" ? [] : [1, 5, 33]).map((tokens) =>
      matmulCase(dtype, { tokens, columns: 1044, outputs: 63 })
    ),
  ]);
}
