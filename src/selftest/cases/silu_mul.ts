import { siluMul, siluMulKernel } from "../../ops/silu_mul.ts";
import * as reference from "../../reference/silu_mul.ts";
import { type KernelCase, kernelCase, within } from "../kernel_case.ts";
import { random } from "../random.ts";

/** Gates wide enough to saturate. */
export function siluMulCase(tokens: number, columns: number) {
  const gateUp = random(1).normals(2 * tokens * columns, 4);
  return kernelCase({
    kernel: siluMulKernel,
    name: `T=${tokens} F=${columns}`,
    tensors: {
      gateUp: { dtype: "f32", shape: [tokens, 2 * columns], data: gateUp },
      y: { dtype: "f32", shape: [tokens, columns] },
    },
    record: (cmd, { gateUp, y }) => siluMul(cmd, gateUp, y),
    want: () => ({ y: within(1e-6, reference.siluMul(gateUp, columns)) }),
  });
}

export function siluMulCases(): KernelCase[] {
  return [siluMulCase(1, 252), siluMulCase(5, 260)];
}
