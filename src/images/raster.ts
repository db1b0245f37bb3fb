import type { Orientation } from "./exif.ts";

/** Pixels as files hold them: u8 [height, width, 4], red, green, blue, alpha (not premultiplied). */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Upright, opaque pixels: u8 [height, width, 3]. */
export interface RgbRaster {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * Lays a picture over opaque white: `out = (x + (x >> 8)) >> 8` with `x = c·a + 255·(255 − a) + 128`, the exact
 * integers of Pillow's alpha_composite.
 */
export function overWhite({ width, height, data }: Raster): RgbRaster {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    const alpha = data[from + 3]!;
    if (alpha === 255) {
      rgb[to] = data[from]!;
      rgb[to + 1] = data[from + 1]!;
      rgb[to + 2] = data[from + 2]!;
    } else {
      const white = 255 * (255 - alpha) + 128;
      for (let channel = 0; channel < 3; channel++) {
        const x = data[from + channel]! * alpha + white;
        rgb[to + channel] = (x + (x >> 8)) >> 8;
      }
    }
  }
  return { width, height, data: rgb };
}

/** Turns and mirrors stored rows into the upright picture (EXIF 2.32, 4.6.4 A: orientation). */
export function upright({ width, height, data }: RgbRaster, orientation: Orientation): RgbRaster {
  if (orientation === 1) return { width, height, data };
  // Where the upright picture's column and row come from: begin + x · alongX + y · alongY, in pixels.
  const turned = orientation >= 5;
  const fromRight = orientation === 2 || orientation === 3 || orientation === 7 || orientation === 8;
  const fromBottom = orientation === 3 || orientation === 4 || orientation === 6 || orientation === 7;
  const alongColumn = fromRight ? -1 : 1;
  const alongRow = fromBottom ? -width : width;
  const begin = (fromRight ? width - 1 : 0) + (fromBottom ? (height - 1) * width : 0);
  const [outWidth, outHeight] = turned ? [height, width] : [width, height];
  const [alongX, alongY] = turned ? [alongRow, alongColumn] : [alongColumn, alongRow];
  const out = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < outHeight; y++) {
    for (let x = 0, from = (begin + y * alongY) * 3; x < outWidth; x++, from += alongX * 3, to += 3) {
      out[to] = data[from]!;
      out[to + 1] = data[from + 1]!;
      out[to + 2] = data[from + 2]!;
    }
  }
  return { width: outWidth, height: outHeight, data: out };
}

/** Puts a frame onto a larger, transparent canvas. */
export function placeOn(width: number, height: number, frame: Raster, left: number, top: number): Raster {
  if (frame.width === width && frame.height === height) return frame;
  const data = new Uint8Array(width * height * 4);
  const columns = Math.min(frame.width, width - left);
  for (let row = 0; columns > 0 && row < frame.height && top + row < height; row++) {
    const from = row * frame.width * 4;
    data.set(frame.data.subarray(from, from + columns * 4), ((top + row) * width + left) * 4);
  }
  return { width, height, data };
}
