import { attention, attentionKernel } from "../../ops/attention.ts";
import * as reference from "../../reference/attention.ts";
import { type KernelCase, kernelCase, within } from "../kernel_case.ts";
import { random } from "../random.ts";

/** Marks a row that belongs to no sequence. */
export const paddingPosition = 0xffffffff;

export type AttentionShape = Pick<reference.AttentionCase, "heads" | "kvHeads" | "headDim" | "blockSize">;

/** A row of a case: which sequence, which position. */
export type AttentionRow = readonly [sequence: number, position: number];

/** Positions `begin` to `end - 1` of a sequence, as in a chunk of a prompt. */
export function prefillRows(sequence: number, begin: number, end: number): AttentionRow[] {
  return Array.from({ length: end - begin }, (_, i) => [sequence, begin + i]);
}

/**
 * Rows over `lengths.length` sequences whose blocks lie scattered in the cache. Slots that belong to nobody hold NaN:
 * reading one would show. A row's query depends on sequence and position alone, so that the same row can be asked for
 * in other company.
 */
export function attentionInput(
  shape: AttentionShape,
  lengths: readonly number[],
  rows: readonly AttentionRow[],
): reference.AttentionCase {
  const rng = random(7);
  const { heads, kvHeads, headDim, blockSize } = shape;
  const counts = lengths.map((length) => Math.ceil(length / blockSize));
  const blockCount = counts.reduce((a, b) => a + b, 0) + 3;
  const order = rng.permutation(blockCount);
  const width = Math.max(...counts);
  const blockTables = counts.map((count) =>
    Array.from({ length: width }, (_, i) => i < count ? order.pop()! : 0)
  );
  const caches = [0, 1].map(() => new Float32Array(blockCount * blockSize * kvHeads * headDim).fill(NaN));
  for (const [s, length] of lengths.entries()) {
    for (let p = 0; p < length; p++) {
      const slot = blockTables[s]![Math.floor(p / blockSize)]! * blockSize + p % blockSize;
      for (const cache of caches) cache.set(rng.normals(kvHeads * headDim), slot * kvHeads * headDim);
    }
  }
  const qkv = rows.flatMap((
    [s, p],
  ) => [...random(1 + s * 10007 + p).normals((heads + 2 * kvHeads) * headDim)]);
  return {
    ...shape,
    qkv: Float32Array.from(qkv),
    keys: caches[0]!,
    values: caches[1]!,
    positions: rows.map(([, position]) => position),
    sequences: rows.map(([sequence]) => sequence),
    blockTables,
  };
}

export function attentionCase(name: string, input: reference.AttentionCase) {
  const { heads, kvHeads, headDim } = input;
  const count = input.positions.length;
  const cacheShape = [input.keys.length / (kvHeads * headDim), kvHeads * headDim];
  const tableShape = [input.blockTables.length, input.blockTables[0]!.length];
  return kernelCase({
    kernel: attentionKernel,
    name,
    tensors: {
      qkv: { dtype: "f32", shape: [count, (heads + 2 * kvHeads) * headDim], data: input.qkv },
      keys: { dtype: "f32", shape: cacheShape, data: input.keys },
      values: { dtype: "f32", shape: cacheShape, data: input.values },
      positions: { dtype: "u32", shape: [count], data: Uint32Array.from(input.positions) },
      sequences: { dtype: "u32", shape: [count], data: Uint32Array.from(input.sequences) },
      blockTables: { dtype: "u32", shape: tableShape, data: Uint32Array.from(input.blockTables.flat()) },
      y: { dtype: "f32", shape: [count, heads * headDim] },
    },
    record: (cmd, t) => {
      attention(cmd, t.qkv, t.keys, t.values, t.positions, t.sequences, t.blockTables, t.y, input);
    },
    want: () => ({ y: within(1e-6, reference.attention(input)) }),
  });
}

/** The model's own heads and blocks: a prompt beside two sequences that decode, and one row alone. */
export function attentionCases(): KernelCase[] {
  const shape = { heads: 8, kvHeads: 2, headDim: 128, blockSize: 16 };
  const mixed: AttentionRow[] = [...prefillRows(0, 37, 70), [1, 8], [2, 0], [0, paddingPosition]];
  return [
    attentionCase("T=1, 300 keys", attentionInput(shape, [300], [[0, 299]])),
    attentionCase(`T=${mixed.length}, 3 sequences`, attentionInput(shape, [70, 9, 1], mixed)),
  ];
}
