import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { TilePatchesOptions } from "../../src/ops/tile_patches.ts";
import {
  clipNormalization,
  tilePatchesCase,
  tilePatchesPicture,
} from "../../src/selftest/cases/tile_patches.ts";
import { maxAbsError } from "../../src/selftest/compare.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);
const device = openTestDevice();
const run = (pixels: Uint8Array, columns: number, options: TilePatchesOptions) =>
  tilePatchesCase(pixels, columns, options).run(device).y;

describe("tilePatches() pads, normalises, tiles and cuts into patches", () => {
  for (
    const [width, height, tileSize, patchSize, gridColumns, tiles, columns] of [
      [1, 1, 4, 4, 1, 1, 48], // one pixel, one patch
      [28, 28, 28, 4, 1, 1, 48],
      [50, 28, 28, 4, 2, 2, 48], // two tiles side by side, padded at the right
      [37, 39, 20, 5, 2, 4, 76], // odd everything: 3·5·5 = 75 columns, bytes that end inside a word
      [13, 61, 20, 5, 1, 4, 76], // four tiles one below the other
      [223, 97, 112, 14, 2, 2, 592],
    ] as const
  ) {
    const options = { width, height, tileSize, patchSize, gridColumns, tiles, ...clipNormalization };
    const kernelCase = tilePatchesCase(tilePatchesPicture(width, height), columns, options);
    test(kernelCase.name, () => expectRight(device, kernelCase));
  }
});

test("tilePatches() gives the published values of black and white", () => {
  const options = {
    width: 4,
    height: 2,
    tileSize: 4,
    patchSize: 4,
    gridColumns: 1,
    tiles: 1,
    ...clipNormalization,
  };
  const y = run(new Uint8Array(24).fill(255), 48, options);
  const [white, black] = [[1.9303362, 2.0748835, 2.1458972], [-1.7922626, -1.7520971, -1.4802198]];
  const expected = [0, 1, 2].flatMap((c) => [...new Array(8).fill(white[c]), ...new Array(8).fill(black[c])]);
  expect(maxAbsError(y, expected)).toBeLessThan(1e-6);
});

test("tilePatches() leaves bytes as they are with mean 0, deviation 1 and rescale 1", () => {
  const pixels = tilePatchesPicture(4, 4);
  const y = run(pixels, 48, {
    ...{ width: 4, height: 4, tileSize: 4, patchSize: 4, gridColumns: 1, tiles: 1 },
    ...{ mean: [0, 0, 0], std: [1, 1, 1], rescale: 1 },
  });
  expect([...y]).toEqual([0, 1, 2].flatMap((c) => [...pixels].filter((_, i) => i % 3 === c)));
});

describe("tilePatches() refuses", () => {
  const options = {
    width: 5,
    height: 4,
    tileSize: 4,
    patchSize: 4,
    gridColumns: 1,
    tiles: 1,
    ...clipNormalization,
  };

  test("a picture larger than its canvas", () => {
    expect(() => run(tilePatchesPicture(5, 4), 48, options)).toThrow(
      "The picture must fit 4 × 4 pixels, have 5 × 4",
    );
  });
  test("fewer pixels than the size says", () => {
    expect(() => run(tilePatchesPicture(3, 4), 48, { ...options, width: 4 })).toThrow(
      '"pixels" must hold 48 bytes, have 36',
    );
  });
  test("a deviation of 0", () => {
    expect(() => run(tilePatchesPicture(4, 4), 48, { ...options, width: 4, std: [1, 0, 1] })).toThrow(
      RangeError,
    );
  });
});
