import { visionEmbed, visionEmbedKernel } from "../../ops/vision_embed.ts";
import type { WeightDtype } from "../../ops/weight.ts";
import * as reference from "../../reference/vision_embed.ts";
import { type KernelCase, kernelCase, within } from "../kernel_case.ts";
import { random } from "../random.ts";
import { encodeWeight } from "../weight_bytes.ts";

export interface VisionEmbedInput extends reference.VisionEmbedCase {
  readonly dtype: WeightDtype;
  /** Of the tiles' table, where it is another. */
  readonly tileDtype?: WeightDtype;
}

const tiles = 4;

/** Every tile's tokens and one padding patch, in an order that is not theirs. */
export function visionEmbedInput(
  channels: number,
  tokens: number,
  realTiles: number,
  dtype: WeightDtype,
): VisionEmbedInput {
  const rng = random(channels + tokens);
  const rowCount = tiles * (tokens + 1);
  return {
    patches: rng.normals(realTiles * (tokens - 1) * channels),
    rows: rng.permutation(rowCount).map((i) => [Math.floor(i / (tokens + 1)), i % (tokens + 1)]),
    classEmbedding: rng.normals(channels),
    positional: encodeWeight(dtype, rng.normals(tokens * channels)).values,
    tilePositional: encodeWeight(dtype, rng.normals(tiles * tokens * channels)).values,
    preTile: rng.normals(tiles * channels),
    ...{ realTiles, tokens, positionGate: -0.37, preTileGate: 0.81, dtype },
  };
}

export function visionEmbedCase(input: VisionEmbedInput) {
  const channels = input.classEmbedding.length;
  const { tokens, realTiles, dtype, tileDtype = dtype } = input;
  const f32 = (values: ArrayLike<number>) => Float32Array.from(values);
  const tilePositional = encodeWeight(tileDtype, f32(input.tilePositional)).bytes;
  return kernelCase({
    kernel: visionEmbedKernel,
    name: `${dtype} C=${channels} N=${tokens}, ${realTiles} real tiles`,
    tensors: {
      patches: { dtype: "f32", shape: [realTiles * (tokens - 1), channels], data: f32(input.patches) },
      rows: { dtype: "u32", shape: [input.rows.length, 2], data: Uint32Array.from(input.rows.flat()) },
      classEmbedding: { dtype: "f32", shape: [channels], data: f32(input.classEmbedding) },
      positional: {
        dtype,
        shape: [tokens, channels],
        data: encodeWeight(dtype, f32(input.positional)).bytes,
      },
      tilePositional: { dtype: tileDtype, shape: [tiles * tokens, channels], data: tilePositional },
      preTile: { dtype: "f32", shape: [tiles * channels], data: f32(input.preTile) },
      x: { dtype: "f32", shape: [input.rows.length, channels] },
    },
    record: (cmd, t) =>
      visionEmbed(
        cmd,
        t.patches,
        t.rows,
        t.classEmbedding,
        t.positional,
        t.tilePositional,
        t.preTile,
        t.x,
        input,
      ),
    want: () => ({ x: within(2e-7, reference.visionEmbed(input)) }),
  });
}

export function visionEmbedCases(): KernelCase[] {
  return (["f32", "bf16", "f16"] as const).map((dtype) =>
    visionEmbedCase(visionEmbedInput(260, 17, 2, dtype))
  );
}
