import { kernel, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { matrixShape } from "./check.ts";
import { rowWorkgroup } from "./workgroup.ts";

export const countTokensKernel = kernel({
  shader: "count_tokens",
  args: { text: read("u32"), counts: write("u32"), columns: "u32" },
  spec: { WORKGROUP_SIZE: 256, ONE_SUBGROUP: 0, RANGE: 1024 },
});

/** Words of a counted text in front of its tokens: slot, length of the prompt, length. */
export const textHeader = 3;
/** The bit of a count that tells that the prompt has the token. */
export const inPrompt = 0x80000000;

/**
 * Counts the tokens of a text into one row: `counts[slot, id]` becomes the number of times that `id` was generated,
 * plus `inPrompt` if the prompt has it. Ids that are not in the vocabulary (the image token) count nowhere.
 *
 * @param text u32 [3 + N]: slot, length of the prompt, length (at most N), then the tokens
 * @param counts u32 [slots, V]; other rows are left as they are
 * @throws {RangeError} If `counts` is not a matrix.
 */
export function countTokens(cmd: Recorder, text: Tensor<"u32">, counts: Tensor<"u32">): void {
  const [, columns] = matrixShape("counts", counts);
  cmd.dispatch(
    countTokensKernel,
    { text, counts, columns },
    [Math.ceil(columns / countTokensKernel.spec.RANGE)],
    rowWorkgroup(cmd.device, countTokensKernel.spec.RANGE),
  );
}
