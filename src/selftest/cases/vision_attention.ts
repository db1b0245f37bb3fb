import { visionAttention, visionAttentionKernel } from "../../ops/vision_attention.ts";
import * as reference from "../../reference/vision_attention.ts";
import { type KernelCase, kernelCase, within } from "../kernel_case.ts";
import { random } from "../random.ts";

/** Rows behind `realCount` are padding, each standing for another number of equal tokens. */
export function visionAttentionInput(
  count: number,
  realCount: number,
  heads: number,
  headDim: number,
): reference.VisionAttentionCase {
  const qkv = random(count).normals(count * 3 * heads * headDim);
  const keyBias = Array.from({ length: count - realCount }, (_, i) => Math.fround(Math.log(1 + 7 * i)));
  return { qkv, keyBias, heads, headDim, realCount };
}

export function visionAttentionCase(
  input: reference.VisionAttentionCase,
) {
  const { heads, headDim, realCount } = input;
  const width = heads * headDim;
  const count = input.qkv.length / (3 * width);
  return kernelCase({
    kernel: visionAttentionKernel,
    name: `S=${count} real=${realCount} ${heads}x${headDim}`,
    tensors: {
      qkv: { dtype: "f32", shape: [count, 3 * width], data: input.qkv },
      keyBias: { dtype: "f32", shape: [input.keyBias.length], data: Float32Array.from(input.keyBias) },
      y: { dtype: "f32", shape: [count, width] },
    },
    record: (cmd, { qkv, keyBias, y }) => visionAttention(cmd, qkv, keyBias, y, input),
    want: () => ({ y: within(1e-6, reference.visionAttention(input)) }),
  });
}

/** The model's own heads, without and with padding. */
export function visionAttentionCases(): KernelCase[] {
  return [
    visionAttentionCase(visionAttentionInput(33, 33, 2, 80)),
    visionAttentionCase(visionAttentionInput(146, 130, 2, 80)),
  ];
}
