import { kernel, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkMultiple, checkShape, matrixShape } from "./check.ts";
import { weightDtypeCode, type WeightTensor } from "./weight.ts";

export const visionEmbedKernel = kernel({
  shader: "vision_embed",
  args: {
    patches: read("f32x4"),
    rows: read("u32"),
    classEmbedding: read("f32x4"),
    positional: read("words2"),
    tilePositional: read("words2"),
    preTile: read("f32x4"),
    x: write("f32x4"),
    channels: "u32",
    tokens: "u32",
    realTiles: "u32",
    positionGate: "f32",
    preTileGate: "f32",
  },
  spec: { WORKGROUP_SIZE: 64, WEIGHT_DTYPE: 1 },
});

export interface VisionEmbedOptions {
  /** Tiles that have patches. Rows of other tiles have zero patches: missing tiles. */
  readonly realTiles: number;
  /** N, tokens of a tile: the class token and the patches. */
  readonly tokens: number;
  /** g, tanh already taken, like `preTileGate`. */
  readonly positionGate: number;
  readonly preTileGate: number;
}

/**
 * The first state of the vision encoder, before its LayerNorm:
 * `x[s] = base + (1 − g)·positional[token] + g·tilePositional[tile·N + token]`, where base is `classEmbedding` for
 * token 0 and `patches[tile·(N − 1) + token − 1] + preTileGate·preTile[tile]` for the others. Tokens N and above are
 * padding and become zeros.
 * Source: mllama-spec §3.2, §3.3; Meta's llama-models, models/llama3/multimodal/model.py, VisionEncoder.
 *
 * @param patches f32 [realTiles·(N − 1), C], embedded patches; C a multiple of 4
 * @param rows u32 [S, 2], tile and token of each row
 * @param classEmbedding f32 [C]
 * @param positional f32, bf16 or f16 [N, C]
 * @param tilePositional same dtype [tiles·N, C], the arrangement's part of the table
 * @param preTile f32 [tiles·C], the arrangement's part of the table
 * @param x f32 [S, C]; must not alias
 * @throws {RangeError} If shapes do not fit.
 * @throws {TypeError} If the two position tables differ in dtype.
 */
export function visionEmbed(
  cmd: Recorder,
  patches: Tensor<"f32">,
  rows: Tensor<"u32">,
  classEmbedding: Tensor<"f32">,
  positional: WeightTensor,
  tilePositional: WeightTensor,
  preTile: Tensor<"f32">,
  x: Tensor<"f32">,
  options: VisionEmbedOptions,
): void {
  const { realTiles, tokens, positionGate, preTileGate } = options;
  const [count, channels] = matrixShape("x", x);
  checkMultiple("channels", channels, 4);
  checkMultiple("preTile's size", preTile.shape[0]!, channels);
  const tiles = preTile.shape[0]! / channels;
  checkShape("patches", patches, [realTiles * (tokens - 1), channels]);
  checkShape("rows", rows, [count, 2]);
  checkShape("classEmbedding", classEmbedding, [channels]);
  checkShape("positional", positional, [tokens, channels]);
  checkShape("tilePositional", tilePositional, [tiles * tokens, channels]);
  if (positional.dtype !== tilePositional.dtype) {
    throw new TypeError(
      `Position tables must have one dtype, have ${positional.dtype} and ${tilePositional.dtype}`,
    );
  }
  if (count === 0) return;
  cmd.dispatch(
    visionEmbedKernel,
    {
      patches,
      rows,
      classEmbedding,
      positional,
      tilePositional,
      preTile,
      x,
      channels,
      tokens,
      realTiles,
      positionGate,
      preTileGate,
    },
    [Math.ceil(channels / 4 / visionEmbedKernel.spec.WORKGROUP_SIZE), count],
    { WEIGHT_DTYPE: weightDtypeCode[positional.dtype] },
  );
}
