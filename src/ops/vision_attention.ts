import { kernel, optional, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { attentionSpec, attentionTile, checkHeads, tileRows } from "./attention_tile.ts";
import { checkShape, matrixShape } from "./check.ts";

export const visionAttentionKernel = kernel({
  shader: "vision_attention",
  args: {
    qkv: read("f32x4"),
    bias: optional(read("f32")),
    y: write("f32x4"),
    rows: "u32",
    heads: "u32",
    realCount: "u32",
    scale: "f32",
  },
  spec: attentionSpec,
});

export interface VisionAttentionOptions {
  /** H, heads; keys and values have as many. */
  readonly heads: number;
  /** d, a multiple of 4 from 8 to 256. */
  readonly headDim: number;
  /** Rows 0 … realCount − 1 are real tokens, the rest are padding. At least 1. */
  readonly realCount: number;
}

/**
 * Attention of the vision encoder: `y[s, h] = Σ_k p[k]·v[k] / Σ_k p[k]` with
 * `p[k] = exp(q[s, h]·k[k] / √d + bias[k])`. A real row sees every key, a padding row the real keys only. The bias is 0
 * for a real key and `keyBias[k − realCount]` for padding: the logarithm of the number of equal tokens that the one
 * stands for. A row's result has the same bits whatever the other rows are.
 * Source: Meta's llama-models, models/llama3/multimodal, whose mask forbids padding × padding and nothing else.
 *
 * @param qkv f32 [S, 3·H·d], queries, keys and values of a row side by side
 * @param keyBias f32 [S − realCount]; may have no elements
 * @param y f32 [S, H·d]; must not alias
 * @throws {RangeError} If shapes or head counts do not fit.
 */
export function visionAttention(
  cmd: Recorder,
  qkv: Tensor<"f32">,
  keyBias: Tensor<"f32">,
  y: Tensor<"f32">,
  options: VisionAttentionOptions,
): void {
  const { heads, headDim, realCount } = options;
  checkHeads(heads, heads, headDim);
  const [rows] = matrixShape("qkv", qkv);
  checkShape("qkv", qkv, [rows, 3 * heads * headDim]);
  checkShape("y", y, [rows, heads * headDim]);
  if (!Number.isInteger(realCount) || realCount < 1 || realCount > rows) {
    throw new RangeError(`"realCount" must be from 1 to the ${rows} rows, have ${realCount}`);
  }
  checkShape("keyBias", keyBias, [rows - realCount]);

  // Rows are plenty here, so the keys need not be split to fill a GPU.
  const tile = attentionTile(cmd.device, 1);
  cmd.dispatch(
    visionAttentionKernel,
    {
      qkv,
      bias: realCount < rows ? keyBias : undefined,
      y,
      rows,
      heads,
      realCount,
      scale: headDim ** -0.5,
    },
    [Math.ceil(rows / tileRows(tile)), heads],
    { ...tile, HEAD_DIM: headDim },
  );
}
