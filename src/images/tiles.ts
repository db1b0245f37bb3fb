import { assert } from "../base/assert.ts";
import { chooseArrangement, fitToCanvas, supportedArrangements } from "./canvas.ts";
import type { RgbImage } from "./decode.ts";
import { resizeBilinear } from "./resize.ts";

/** A picture as the vision encoder takes it; padding, normalising and cutting into tiles are the device's. */
export interface PreparedImage {
  /** Row of the aspect-ratio tables, from 1. */
  readonly aspectRatioId: number;
  readonly rows: number;
  readonly columns: number;
  /** rows · columns; tile t is at row ⌊t / columns⌋, column t mod columns. */
  readonly tileCount: number;
  /** Size of the resized picture, at the top left of a canvas of rows × columns tiles. */
  readonly width: number;
  readonly height: number;
  /** u8 [height, width, 3] */
  readonly pixels: Uint8Array;
  /** Of the picture and its arrangement: by it its keys and values are found again. */
  readonly hash: string;
}

export interface TileOptions {
  /** Pixels of a tile's side. */
  readonly tileSize: number;
  /** Most tiles of a picture. */
  readonly maxTiles: number;
  /** Tiles of the model's largest arrangements, by which ids are counted; left out, `maxTiles`. */
  readonly knownTiles?: number;
}

/** Chooses the canvas for a picture and resizes the picture to fit. Source: Hugging Face's Mllama image processor. */
export function prepareImage(
  image: RgbImage,
  { tileSize, maxTiles, knownTiles = maxTiles }: TileOptions,
): PreparedImage {
  assert(image.width > 0 && image.height > 0);
  const known = supportedArrangements(knownTiles);
  const allowed = known.filter(({ rows, columns }) => rows * columns <= maxTiles);
  const arrangement = chooseArrangement(image.width, image.height, tileSize, allowed);
  const size = fitToCanvas(image.width, image.height, arrangement, tileSize);
  const resized = resizeBilinear(image, size.width, size.height);
  return {
    aspectRatioId: arrangement.id,
    rows: arrangement.rows,
    columns: arrangement.columns,
    tileCount: arrangement.rows * arrangement.columns,
    width: size.width,
    height: size.height,
    pixels: resized.data,
    // The same pixels on another canvas are other tiles.
    hash: `${image.hash} ${arrangement.rows}x${arrangement.columns}`,
  };
}
