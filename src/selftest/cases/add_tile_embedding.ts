import { addTileEmbedding, addTileEmbeddingKernel } from "../../ops/add_tile_embedding.ts";
import * as reference from "../../reference/add_tile_embedding.ts";
import { type KernelCase, kernelCase, within } from "../kernel_case.ts";
import { random } from "../random.ts";

/** Rows of tiles in random order. */
export function addTileEmbeddingCase(count: number, channels: number) {
  const rng = random(count);
  const x = rng.normals(count * channels);
  const table = rng.normals(4 * channels);
  const rows = Array.from({ length: count }, (_, s) => [rng.below(4), s] as const);
  return kernelCase({
    kernel: addTileEmbeddingKernel,
    name: `S=${count} C=${channels}`,
    tensors: {
      x: { dtype: "f32", shape: [count, channels], data: x, inPlace: true },
      rows: { dtype: "u32", shape: [count, 2], data: Uint32Array.from(rows.flat()) },
      table: { dtype: "f32", shape: [table.length], data: table },
    },
    record: (cmd, { x, rows, table }) => addTileEmbedding(cmd, x, rows, table, -0.7),
    want: () => ({ x: within(1e-7, reference.addTileEmbedding(x, rows, table, -0.7)) }),
  });
}

export function addTileEmbeddingCases(): KernelCase[] {
  return [addTileEmbeddingCase(9, 24), addTileEmbeddingCase(3, 260)];
}
