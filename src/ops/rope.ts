import { kernel, read, readWrite } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkMultiple, checkShape, matrixShape } from "./check.ts";

export const ropeKernel = kernel({
  shader: "rope",
  args: {
    qkv: readWrite("f32"),
    positions: read("u32"),
    invFreq: read("f32"),
    stride: "u32",
    heads: "u32",
    headDim: "u32",
  },
  spec: { WORKGROUP_SIZE: 64 },
});

/** The heads of a fused row `[q heads | k heads | v heads]`. */
export interface QkvHeads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/**
 * Rotary position embedding, in place, on the query and key heads of fused rows. With `h = headDim / 2`, for each
 * `j < h` and the angle `a = f32(position) · invFreq[j]`, a product rounded to f32:
 * `v'[j] = v[j] cos a - v[j + h] sin a`, `v'[j + h] = v[j + h] cos a + v[j] sin a`.
 * The sine and cosine are right to 2e-7 for every angle below 2²⁴.
 * Source: Su et al. 2021, "RoFormer"; the half-split pairing is that of Hugging Face's Llama.
 *
 * @param qkv f32 [T, (heads + 2 · kvHeads) · headDim]; the value heads are left as they are
 * @param positions u32 [T], below 2²⁴; a row at 0xffffffff is padding and is left as it is
 * @param invFreq f32 [headDim / 2], radians per position, in [0, 1]
 * @throws {RangeError} If a shape does not fit the others, or `headDim` is odd.
 */
export function rope(
  cmd: Recorder,
  qkv: Tensor<"f32">,
  positions: Tensor<"u32">,
  invFreq: Tensor<"f32">,
  { heads, kvHeads, headDim }: QkvHeads,
): void {
  const [tokens] = matrixShape("qkv", qkv);
  const stride = (heads + 2 * kvHeads) * headDim;
  checkShape("qkv", qkv, [tokens, stride]);
  checkShape("positions", positions, [tokens]);
  checkMultiple("headDim", headDim, 2);
  checkShape("invFreq", invFreq, [headDim / 2]);
  const rotated = heads + kvHeads;
  const groups = Math.ceil(rotated * headDim / 2 / ropeKernel.spec.WORKGROUP_SIZE);
  cmd.dispatch(ropeKernel, { qkv, positions, invFreq, stride, heads: rotated, headDim }, [groups, tokens]);
}
