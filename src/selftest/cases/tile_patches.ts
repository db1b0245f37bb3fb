import { tilePatches, tilePatchesKernel, type TilePatchesOptions } from "../../ops/tile_patches.ts";
import * as reference from "../../reference/tile_patches.ts";
import { eachWithin, type KernelCase, kernelCase } from "../kernel_case.ts";
import { random } from "../random.ts";

/** The published model's constants. */
export const clipNormalization = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
  rescale: 1 / 255,
};

/** Random bytes. */
export function tilePatchesPicture(width: number, height: number): Uint8Array {
  const rng = random(width * 1000 + height);
  return Uint8Array.from({ length: width * height * 3 }, () => rng.below(256));
}

export function tilePatchesCase(pixels: Uint8Array, columns: number, options: TilePatchesOptions) {
  const { width, height, tileSize, patchSize, tiles } = options;
  const rows = tiles * (tileSize / patchSize) ** 2;
  return kernelCase({
    kernel: tilePatchesKernel,
    name: `${width}x${height} pixels, tile ${tileSize}, patch ${patchSize}, ${tiles} tiles`,
    tensors: {
      pixels: { dtype: "u8", shape: [pixels.length], data: pixels },
      y: { dtype: "f32", shape: [rows, columns] },
    },
    record: (cmd, { pixels, y }) => tilePatches(cmd, pixels, y, options),
    want: () => ({ y: eachWithin(1e-6, reference.tilePatches({ ...options, pixels, columns })) }),
  });
}

/** Two tiles side by side; and odd sizes, whose 75 columns are padded and whose bytes end inside a word. */
export function tilePatchesCases(): KernelCase[] {
  return [
    tilePatchesCase(tilePatchesPicture(50, 28), 48, {
      ...{ width: 50, height: 28, tileSize: 28, patchSize: 4, gridColumns: 2, tiles: 2 },
      ...clipNormalization,
    }),
    tilePatchesCase(tilePatchesPicture(37, 39), 76, {
      ...{ width: 37, height: 39, tileSize: 20, patchSize: 5, gridColumns: 2, tiles: 4 },
      ...clipNormalization,
    }),
  ];
}
