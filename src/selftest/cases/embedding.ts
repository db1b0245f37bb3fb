import { embedding, embeddingKernel, pendingToken } from "../../ops/embedding.ts";
import type { WeightDtype } from "../../ops/weight.ts";
import * as reference from "../../reference/embedding.ts";
import { exactly, type KernelCase, kernelCase } from "../kernel_case.ts";
import { random } from "../random.ts";
import { encodeWeight } from "../weight_bytes.ts";

/** Random ids, the first and the last of the table among them. */
export function embeddingCase(dtype: WeightDtype, tokens: number, rows: number, columns: number) {
  const rng = random(1);
  const table = encodeWeight(dtype, rng.normals(rows * columns));
  const ids = Uint32Array.from(
    { length: tokens },
    (_, t) => t === 0 ? rows - 1 : t === 1 ? 0 : rng.below(rows),
  );
  return kernelCase({
    kernel: embeddingKernel,
    name: `${dtype} T=${tokens} V=${rows} D=${columns}`,
    tensors: {
      ids: { dtype: "u32", shape: [tokens], data: ids },
      table: { dtype, shape: [rows, columns], data: table.bytes },
      y: { dtype: "f32", shape: [tokens, columns] },
    },
    record: (cmd, { ids, table, y }) => embedding(cmd, ids, table, y),
    want: () => ({ y: exactly(reference.embedding(ids, table.values, columns)) }),
  });
}

/** Every second id is one that an earlier dispatch has left in a slot. */
export function embeddingLookupCase(tokens: number, rows: number, columns: number) {
  const rng = random(2);
  const table = encodeWeight("bf16", rng.normals(rows * columns));
  const sampled = Uint32Array.from({ length: tokens }, () => rng.below(rows));
  const ids = sampled.map((_, t) => t % 2 === 0 ? pendingToken + (tokens - 1 - t) : rng.below(rows));
  const known = ids.map((id) => id < pendingToken ? id : sampled[id - pendingToken]!);
  return kernelCase({
    kernel: embeddingKernel,
    name: `pending T=${tokens} V=${rows} D=${columns}`,
    tensors: {
      ids: { dtype: "u32", shape: [tokens], data: ids },
      table: { dtype: "bf16", shape: [rows, columns], data: table.bytes },
      sampled: { dtype: "u32", shape: [tokens], data: sampled },
      y: { dtype: "f32", shape: [tokens, columns] },
    },
    record: (cmd, { ids, table, sampled, y }) => embedding(cmd, ids, table, y, sampled),
    want: () => ({ y: exactly(reference.embedding(known, table.values, columns)) }),
  });
}

export function embeddingCases(): KernelCase[] {
  return [
    ...(["f32", "bf16", "f16"] as const).map((dtype) => embeddingCase(dtype, 5, 50, 260)),
    embeddingLookupCase(5, 50, 260),
  ];
}
