import { kernel, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkShape, matrixShape } from "./check.ts";
import { floatBits } from "./float_bits.ts";
import { rowWorkgroup } from "./workgroup.ts";

export const adjustLogitsKernel = kernel({
  shader: "adjust_logits",
  args: {
    logits: read("words"),
    adjustments: read("u32"),
    edits: read("words2"),
    masks: read("u32"),
    counts: read("u32"),
    y: write("words"),
    columns: "u32",
    maxEdits: "u32",
    maskWords: "u32",
  },
  spec: { WORKGROUP_SIZE: 256, ONE_SUBGROUP: 0, RANGE: 1024 },
});

/** The least finite f32. As a bias it takes the place of the logit: chosen only where nothing else is allowed. */
export const lastResort = -3.4028234663852886e38;

/** What changes in one row of logits. */
export interface Adjustment {
  /** Row of `counts`. */
  readonly slot: number;
  /** Whether the penalties apply; otherwise `counts` is not read. */
  readonly penalized: boolean;
  readonly repetition: number;
  readonly presence: number;
  readonly frequency: number;
  /** How many entries of the row's edits count. */
  readonly editCount: number;
  readonly masked: boolean;
}

export const adjustmentWords = 7;
/** Places of the words of an encoded adjustment that change from step to step. */
export const adjustmentWord = { slot: 0, editCount: 5, masked: 6 } as const;

/** An adjustment as the shader reads it. */
export function encodeAdjustment(adjustment: Adjustment): Uint32Array {
  const { slot, penalized, repetition, presence, frequency, editCount, masked } = adjustment;
  const penalties = [repetition, presence, frequency].map(floatBits);
  return Uint32Array.of(slot, Number(penalized), ...penalties, editCount, Number(masked));
}

/** Words of a bit set over the vocabulary. */
export function maskWordsOf(vocabSize: number): number {
  return Math.ceil(vocabSize / 32);
}

/**
 * What requests change in their logits before tokens are chosen, in this order:
 *
 * 1. `v + bias` of the row's edits; a bias of `lastResort` gives `lastResort`, whatever else applies;
 * 2. for tokens of prompt and answer `v · repetition` where `v < 0`, else `v / repetition`; then for those that were
 *    generated `n` times `v − (presence + frequency · n)`;
 * 3. -∞ for what the mask forbids.
 *
 * NaN stays NaN. Source: mllama-spec §8.1; vLLM's place for the additive penalties.
 *
 * @param logits f32 [R, V]
 * @param adjustments u32 [R, 7], each as `encodeAdjustment` gives it
 * @param edits u32 [R, E, 2]: id and bits of its bias; no id twice in a row
 * @param masks u32 [R, ⌈V / 32⌉]: the allowed tokens, lowest bit first
 * @param counts u32 [slots, V], as `countTokens` leaves them
 * @param y f32 [R, V]
 * @throws {RangeError} If a shape does not fit the others.
 */
export function adjustLogits(
  cmd: Recorder,
  logits: Tensor<"f32">,
  adjustments: Tensor<"u32">,
  edits: Tensor<"u32">,
  masks: Tensor<"u32">,
  counts: Tensor<"u32">,
  y: Tensor<"f32">,
): void {
  const [rows, columns] = matrixShape("logits", logits);
  const maxEdits = edits.shape[1] ?? 0;
  const maskWords = maskWordsOf(columns);
  checkShape("adjustments", adjustments, [rows, adjustmentWords]);
  checkShape("edits", edits, [rows, maxEdits, 2]);
  checkShape("masks", masks, [rows, maskWords]);
  checkShape("counts", counts, [counts.shape[0]!, columns]);
  checkShape("y", y, [rows, columns]);
  cmd.dispatch(
    adjustLogitsKernel,
    { logits, adjustments, edits, masks, counts, y, columns, maxEdits, maskWords },
    [Math.ceil(columns / adjustLogitsKernel.spec.RANGE), rows],
    rowWorkgroup(cmd.device, adjustLogitsKernel.spec.RANGE),
  );
}
