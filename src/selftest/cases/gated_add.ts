import { gatedAdd, gatedAddKernel } from "../../ops/gated_add.ts";
import * as reference from "../../reference/gated_add.ts";
import { type KernelCase, kernelCase, within } from "../kernel_case.ts";
import { random } from "../random.ts";

/** Rows that see a tile and rows that see none, the empty range written in two ways. */
export function gatedAddCase(tokens: number, columns: number) {
  const rng = random(1);
  const [h, branch] = [rng.normals(tokens * columns), rng.normals(tokens * columns)];
  const ranges = [[0, 1], [2, 2], [3, 7], [5, 4]];
  const rowTiles = Uint32Array.from({ length: 2 * tokens }, (_, i) => ranges[(i >> 1) % 4]![i % 2]!);
  return kernelCase({
    kernel: gatedAddKernel,
    name: `T=${tokens} D=${columns}`,
    tensors: {
      h: { dtype: "f32", shape: [tokens, columns], data: h, inPlace: true },
      branch: { dtype: "f32", shape: [tokens, columns], data: branch },
      rowTiles: { dtype: "u32", shape: [tokens, 2], data: rowTiles },
    },
    record: (cmd, { h, branch, rowTiles }) => gatedAdd(cmd, h, branch, -0.625, rowTiles),
    want: () => ({ h: within(1e-7, reference.gatedAdd(h, branch, -0.625, rowTiles, columns)) }),
  });
}

export function gatedAddCases(): KernelCase[] {
  return [gatedAddCase(4, 64), gatedAddCase(5, 260)];
}
