import { expect, test } from "bun:test";
import { prepareImage } from "../../src/images/tiles.ts";

function image(width: number, height: number) {
  return { width, height, data: new Uint8Array(3 * width * height), hash: "" };
}

/** Size of a picture, most tiles, and the arrangement as [id, rows, columns]. */
const cases: [size: [number, number], maxTiles: number, arrangement: [number, number, number]][] = [
  [[100, 100], 4, [6, 2, 2]],
  [[100, 100], 3, [1, 1, 1]],
  [[60, 100], 4, [6, 2, 2]],
  [[40, 100], 2, [5, 2, 1]],
  [[100, 40], 2, [2, 1, 2]],
  [[20, 100], 3, [7, 3, 1]],
  [[20, 100], 1, [1, 1, 1]],
];

test.each(cases)(
  "prepareImage() cuts %j into at most %d tiles, with the id of all four",
  (size, maxTiles, want) => {
    const prepared = prepareImage(image(...size), { tileSize: 28, maxTiles, knownTiles: 4 });
    expect([prepared.aspectRatioId, prepared.rows, prepared.columns]).toEqual(want);
    expect(prepared.width).toBeLessThanOrEqual(28 * prepared.columns);
    expect(prepared.height).toBeLessThanOrEqual(28 * prepared.rows);
  },
);
