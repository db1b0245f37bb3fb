import {
  adjustLogits,
  adjustLogitsKernel,
  adjustmentWords,
  encodeAdjustment,
  lastResort,
  maskWordsOf,
} from "../../ops/adjust_logits.ts";
import { floatBits } from "../../ops/float_bits.ts";
import * as reference from "../../reference/adjust_logits.ts";
import { countTokens } from "../../reference/count_tokens.ts";
import { maxAbsError } from "../compare.ts";
import { type KernelCase, kernelCase } from "../kernel_case.ts";
import { random } from "../random.ts";

const maxEdits = 40;

/** One row after another: nothing; biases; penalties; a mask; and all at once, with tokens of last resort. */
export function adjustLogitsCase(columns: number) {
  const rng = random(1);
  const logits = rng.normals(5 * columns, 4);
  logits[columns + 1] = NaN;
  const some = (count: number) => Array.from({ length: count }, () => rng.below(columns));
  const plain = {
    repetition: 1,
    presence: 0,
    frequency: 0,
    promptTokens: some(9),
    generatedTokens: [...some(4), ...some(4)],
    biases: new Map<number, number>(),
    lastResorts: new Set<number>(),
  };
  const biases = new Map(some(25).map((id) => [id, 10 * rng.normal()]));
  const penalties = { repetition: 1.3, presence: 0.7, frequency: -0.4 };
  const allowed = new Set([...plain.generatedTokens, ...some(columns)]);
  const lastResorts = new Set(some(3));
  const rows: reference.RowAdjustment[] = [
    plain,
    { ...plain, biases },
    { ...plain, ...penalties },
    { ...plain, allowed },
    { ...plain, ...penalties, biases, allowed, lastResorts },
  ];
  // Slots in the opposite order of the rows.
  const slots = rows.map((_, row) => rows.length - 1 - row);
  const data = encodeRows(rows, slots, columns);
  return kernelCase({
    kernel: adjustLogitsKernel,
    name: `R=${rows.length} V=${columns}`,
    tensors: {
      logits: { dtype: "f32", shape: [rows.length, columns], data: logits },
      adjustments: { dtype: "u32", shape: [rows.length, adjustmentWords], data: data.adjustments },
      edits: { dtype: "u32", shape: [rows.length, maxEdits, 2], data: data.edits },
      masks: { dtype: "u32", shape: [rows.length, maskWordsOf(columns)], data: data.masks },
      counts: { dtype: "u32", shape: [rows.length, columns], data: data.counts },
      y: { dtype: "f32", shape: [rows.length, columns] },
    },
    record: (cmd, { logits, adjustments, edits, masks, counts, y }) =>
      adjustLogits(cmd, logits, adjustments, edits, masks, counts, y),
    want: () => {
      const row = (index: number) => logits.subarray(index * columns, (index + 1) * columns);
      const values = rows.flatMap((adjustment, i) => [...reference.adjustLogits(row(i), adjustment)]);
      // Three operations of the size of 30, each rounded; divisions to 2.5 units in the last place.
      return { y: { values, limit: 1.5e-5, distance: maxAbsError } };
    },
  });
}

function encodeRows(rows: readonly reference.RowAdjustment[], slots: readonly number[], columns: number) {
  const adjustments = rows.flatMap((row, i) => {
    const editCount = new Set([...row.biases.keys(), ...row.lastResorts]).size;
    const penalized = row.repetition !== 1;
    return [
      ...encodeAdjustment({
        ...row,
        slot: slots[i]!,
        penalized,
        editCount,
        masked: row.allowed !== undefined,
      }),
    ];
  });
  const edits = new Uint32Array(rows.length * maxEdits * 2).fill(0xffffffff);
  const masks = new Uint32Array(rows.length * maskWordsOf(columns));
  const counts = new Uint32Array(rows.length * columns);
  rows.forEach((row, i) => {
    const entries = new Map([...row.biases, ...[...row.lastResorts].map((id) => [id, lastResort] as const)]);
    edits.set([...entries].flatMap(([id, bias]) => [id, floatBits(bias)]), i * maxEdits * 2);
    for (const id of row.allowed ?? []) masks[i * maskWordsOf(columns) + (id >>> 5)]! |= 1 << (id & 31);
    const tokens = [...row.promptTokens, ...row.generatedTokens];
    counts.set(countTokens(tokens, row.promptTokens.length, columns), slots[i]! * columns);
  });
  return { adjustments: Uint32Array.from(adjustments), edits, masks, counts };
}

export function adjustLogitsCases(): KernelCase[] {
  return [adjustLogitsCase(1100)];
}
