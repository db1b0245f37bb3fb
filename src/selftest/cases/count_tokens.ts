import { countTokens, countTokensKernel } from "../../ops/count_tokens.ts";
import * as reference from "../../reference/count_tokens.ts";
import { exactly, type KernelCase, kernelCase } from "../kernel_case.ts";
import { random } from "../random.ts";

/** A text of few different tokens, some of them outside the vocabulary; the row in front keeps what it held. */
export function countTokensCase(promptLength: number, length: number, vocabSize: number) {
  const rng = random(1);
  const width = Math.min(vocabSize, 12);
  const tokens = Array.from({ length }, () => (vocabSize - width) + rng.below(2 * width));
  const other = Uint32Array.from({ length: vocabSize }, (_, id) => id);
  return kernelCase({
    kernel: countTokensKernel,
    name: `prompt=${promptLength} N=${length} V=${vocabSize}`,
    tensors: {
      text: {
        dtype: "u32",
        shape: [3 + length + 5], // room for a longer text
        data: Uint32Array.from([1, promptLength, length, ...tokens, 1, 2, 3, 4, 5]),
      },
      counts: {
        dtype: "u32",
        shape: [2, vocabSize],
        data: new Uint32Array([...other, ...other]),
        inPlace: true,
      },
    },
    record: (cmd, { text, counts }) => countTokens(cmd, text, counts),
    want: () => ({
      counts: exactly([...other, ...reference.countTokens(tokens, promptLength, vocabSize)]),
    }),
  });
}

export function countTokensCases(): KernelCase[] {
  return [countTokensCase(20, 50, 1030)];
}
