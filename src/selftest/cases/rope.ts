import { rope, ropeKernel } from "../../ops/rope.ts";
import * as reference from "../../reference/rope.ts";
import { eachWithin, type KernelCase, kernelCase } from "../kernel_case.ts";
import { random } from "../random.ts";

const PADDING = 0xffffffff;

/** Llama's inverse frequencies without its scaling of the slow ones. */
export function ropeFrequencies(headDim: number): Float32Array {
  return Float32Array.from({ length: headDim / 2 }, (_, j) => 500000 ** (-2 * j / headDim));
}

/** Positions up to the end of the longest context; the second row is padding. */
export function ropeCase(tokens: number, heads: number, kvHeads: number, headDim: number) {
  const stride = (heads + 2 * kvHeads) * headDim;
  const qkv = random(1).normals(tokens * stride);
  const positions = Uint32Array.from({ length: tokens }, (_, t) => t === 1 ? PADDING : 131071 - 1000 * t);
  const invFreq = ropeFrequencies(headDim);
  return kernelCase({
    kernel: ropeKernel,
    name: `T=${tokens} H=${heads} KV=${kvHeads} d=${headDim}`,
    tensors: {
      qkv: { dtype: "f32", shape: [tokens, stride], data: qkv, inPlace: true },
      positions: { dtype: "u32", shape: [tokens], data: positions },
      invFreq: { dtype: "f32", shape: [headDim / 2], data: invFreq },
    },
    record: (cmd, { qkv, positions, invFreq }) =>
      rope(cmd, qkv, positions, invFreq, { heads, kvHeads, headDim }),
    want: () => {
      const y = reference.rope(qkv, positions, invFreq, stride, heads + kvHeads);
      if (tokens > 1) y.set(qkv.subarray(stride, 2 * stride), stride);
      return { qkv: eachWithin(2e-6, y) };
    },
  });
}

export function ropeCases(): KernelCase[] {
  return [ropeCase(9, 4, 2, 12), ropeCase(3, 4, 1, 128)];
}
