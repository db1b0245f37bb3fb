import type { Device } from "../gpu/device.ts";
import { kernel, read, readWrite, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkShape, matrixShape } from "./check.ts";
import { floatBits } from "./float_bits.ts";
import { type RowWorkgroup, rowWorkgroup } from "./workgroup.ts";

export const sampleKernel = kernel({
  shader: "sample",
  args: {
    logits: read("words"),
    rawLogits: read("words"),
    choices: read("u32"),
    outTokens: write("u32"),
    outLogits: write("words"),
    sampled: write("u32"),
    counts: readWrite("u32"),
    columns: "u32",
  },
  spec: { WORKGROUP_SIZE: 256, ONE_SUBGROUP: 0, DRAWS: 1 },
});

/** Instead of a token: the row has a NaN. */
export const notANumber = 0xffffffff;
/** Instead of a token: every logit of the row is -∞. */
export const nothingAllowed = 0xfffffffe;

/** How the token of one output is chosen. */
export interface Choice {
  /** Row of the logits that it is chosen from. */
  readonly logitsRow: number;
  /** Where in `sampled`, and in which row of `counts`, it goes. */
  readonly slot: number;
  /** Of the chosen token in its sequence: the counter of its random number. */
  readonly position: number;
  /** Whether it is added to `counts`. */
  readonly counted: boolean;
  /** 0 takes the largest logit. */
  readonly temperature: number;
  /** 0 keeps every token. */
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  /** Two u32: the key of the random numbers. */
  readonly seed: readonly [number, number];
}

export const choiceWords = 11;
/** Places of the words of an encoded choice that change from step to step. */
export const choiceWord = { logitsRow: 0, slot: 1, position: 2 } as const;

/** A choice as the shader reads it. */
export function encodeChoice(choice: Choice): Uint32Array {
  const { logitsRow, slot, position, counted, temperature, topK, topP, minP, seed } = choice;
  const leastWeight = Math.ceil(Math.min(Math.max(minP, 0), 1) * 2 ** 46);
  return Uint32Array.of(
    logitsRow,
    slot,
    position,
    Number(counted),
    // Not 0, which is greedy, and no subnormal, which may be taken for it.
    temperature === 0 ? 0 : floatBits(Math.min(Math.max(temperature, 1e-37), 1e37)),
    topK,
    Math.min(Math.floor(Math.max(topP, 0) * 2 ** 32), 0xffffffff), // the largest keeps everything
    leastWeight % 2 ** 32,
    Math.floor(leastWeight / 2 ** 32),
    ...seed,
  );
}

/** Whole passes over the row of an invocation that draws: the best, four digits of top-k and of top-p, two to draw. */
const passes = 11;
/** Logits that the shader handles in one step of a loop. */
const unroll = 4;
/** Steps of all other loops: bins, digits, bisection. */
const otherSteps = 8192;
/** Weights of at most 2^46 must add up to less than 2^64. */
const mostColumns = 2 ** 18;

/**
 * Chooses one token per output. With temperature 0 it is the largest logit, of equal ones the one with the smallest
 * id. Otherwise, in this order:
 *
 * 1. weights `w = ⌊2^46 exp((v − max) / temperature)⌋`, which are integers, so that sums do not depend on an order;
 * 2. top-k: what is smaller than the k-th largest goes, its equals stay;
 * 3. top-p: the fewest tokens stay that have `⌊total · topP⌋`, largest first, of equal ones the smaller ids;
 * 4. min-p: what weighs less than `minP` of the best goes;
 * 5. the token where the sum over ascending ids first exceeds `⌊total · R / 2^64⌋`; `R` are the first two words of
 *    Philox 4x32-10 for the counter `position` and the key `seed`, the first one upper.
 *
 * -∞ is never chosen. A row with a NaN gives `notANumber`, one without a token `nothingAllowed`.
 * Source: mllama-spec §8.1; Salmon et al. 2011.
 *
 * @param logits f32 [R, V], V ≤ 2^18
 * @param rawLogits f32 [R', V], from which `outLogits` is taken; may be `logits`
 * @param choices u32 [outputs, 11], each as `encodeChoice` gives it
 * @param outTokens u32 [outputs]
 * @param outLogits f32 [outputs], the chosen token's of `rawLogits`
 * @param sampled u32 [slots]: each slot's latest token, for the next step
 * @param counts u32 [slots, V], as `countTokens` leaves them
 * @param draws whether any temperature is above 0; without, less is compiled
 * @throws {RangeError} If a shape does not fit the others.
 */
export function sample(
  cmd: Recorder,
  logits: Tensor<"f32">,
  rawLogits: Tensor<"f32">,
  choices: Tensor<"u32">,
  outTokens: Tensor<"u32">,
  outLogits: Tensor<"f32">,
  sampled: Tensor<"u32">,
  counts: Tensor<"u32">,
  { draws }: { readonly draws: boolean },
): void {
  const [, columns] = matrixShape("logits", logits);
  const [outputs] = matrixShape("choices", choices);
  if (columns > mostColumns) throw new RangeError(`"logits" must have at most ${mostColumns} columns`);
  checkShape("rawLogits", rawLogits, [rawLogits.shape[0]!, columns]);
  checkShape("choices", choices, [outputs, choiceWords]);
  checkShape("outTokens", outTokens, [outputs]);
  checkShape("outLogits", outLogits, [outputs]);
  checkShape("counts", counts, [sampled.shape[0]!, columns]);
  cmd.dispatch(
    sampleKernel,
    { logits, rawLogits, choices, outTokens, outLogits, sampled, counts, columns },
    [outputs],
    { ...sampleWorkgroup(cmd.device, columns), DRAWS: Number(draws) },
  );
}

/** As for all rows, but with more invocations where one could not loop over its share. */
function sampleWorkgroup(device: Device, columns: number): RowWorkgroup {
  const chosen = rowWorkgroup(device, columns, 512);
  const share = (size: number) => Math.ceil(columns / size / unroll) * passes + otherSteps;
  let size = chosen.WORKGROUP_SIZE;
  while (share(size) > device.limits.loopSteps && size < 512) size *= 2;
  return size === chosen.WORKGROUP_SIZE ? chosen : { WORKGROUP_SIZE: size, ONE_SUBGROUP: 0 };
}
