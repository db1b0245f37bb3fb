import { elementCount } from "../base/dtype.ts";
import { kernel, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkMultiple, checkShape, matrixShape } from "./check.ts";

export const tilePatchesKernel = kernel({
  shader: "tile_patches",
  args: {
    pixels: read("words"),
    y: write("f32x4"),
    width: "u32",
    height: "u32",
    tileSize: "u32",
    patchSize: "u32",
    gridColumns: "u32",
    columns: "u32",
    factorRed: "f32",
    factorGreen: "f32",
    factorBlue: "f32",
    offsetRed: "f32",
    offsetGreen: "f32",
    offsetBlue: "f32",
  },
  spec: { WORKGROUP_SIZE: 32 },
});

export interface TilePatchesOptions {
  /** Size of the resized picture in pixels; it lies at the top left of the canvas. */
  readonly width: number;
  readonly height: number;
  readonly tileSize: number;
  readonly patchSize: number;
  /** Tiles side by side on the canvas. */
  readonly gridColumns: number;
  readonly tiles: number;
  /** Per channel, after `rescale`. Mean 0 and deviation 1 leave the pixels as they are. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** 1/255 as a rule; 1 leaves the bytes as they are. */
  readonly rescale: number;
}

/**
 * From a picture to rows of patches: `y = (pixel·rescale − mean) / std`, where the canvas beyond the picture counts as
 * black (0 before the rescaling). Row `tile·P + patch`, both in reading order, P patches to a tile; columns in the
 * order (channel, y, x) of a convolution's weight. Error at most 1e-6 for the usual constants.
 * Source: mllama-spec §2.6, §2.7, §3.1; Meta's llama-models, models/llama3/multimodal/image_transform.py.
 *
 * @param pixels u8, the picture's RGB rows without gaps; may be longer
 * @param y f32 [tiles·P, columns], columns a multiple of 4, those beyond 3·patchSize² become zeros
 * @throws {RangeError} If sizes do not fit each other.
 */
export function tilePatches(
  cmd: Recorder,
  pixels: Tensor<"u8">,
  y: Tensor<"f32">,
  options: TilePatchesOptions,
): void {
  const { width, height, tileSize, patchSize, gridColumns, tiles, mean, std, rescale } = options;
  const [, columns] = matrixShape("y", y);
  checkMultiple("tileSize", tileSize, patchSize);
  checkMultiple("tiles", tiles, gridColumns);
  checkMultiple("y's columns", columns, 4);
  checkShape("y", y, [tiles * (tileSize / patchSize) ** 2, Math.max(columns, 3 * patchSize ** 2)]);
  const canvas = [gridColumns * tileSize, tiles / gridColumns * tileSize] as const;
  if (!(width >= 1 && height >= 1 && width <= canvas[0] && height <= canvas[1])) {
    throw new RangeError(
      `The picture must fit ${canvas[0]} × ${canvas[1]} pixels, have ${width} × ${height}`,
    );
  }
  if (elementCount(pixels.shape) < width * height * 3) {
    throw new RangeError(
      `"pixels" must hold ${width * height * 3} bytes, have ${elementCount(pixels.shape)}`,
    );
  }
  const factor = [0, 1, 2].map((channel) => rescale / std[channel]!);
  const offset = [0, 1, 2].map((channel) => -mean[channel]! / std[channel]!);
  if (![...factor, ...offset].every(Number.isFinite)) {
    throw new RangeError(
      `"mean" and "std" must hold three numbers, "std" none of them 0, have ${mean}; ${std}`,
    );
  }
  cmd.dispatch(
    tilePatchesKernel,
    {
      pixels,
      y,
      width,
      height,
      tileSize,
      patchSize,
      gridColumns,
      columns,
      factorRed: factor[0]!,
      factorGreen: factor[1]!,
      factorBlue: factor[2]!,
      offsetRed: offset[0]!,
      offsetGreen: offset[1]!,
      offsetBlue: offset[2]!,
    },
    [Math.ceil(columns / 4 / tilePatchesKernel.spec.WORKGROUP_SIZE), y.shape[0]!],
  );
}
