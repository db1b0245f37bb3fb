import { availableParallelism } from "node:os";
import { bmpSize, decodeBmp } from "./bmp.ts";
import type { Orientation } from "./exif.ts";
import { Gate } from "./gate.ts";
import { readGifInfo } from "./gif.ts";
import { imageError } from "./image_error.ts";
import { readJpegInfo } from "./jpeg.ts";
import { pngOrientation, readPlainPng } from "./png.ts";
import { overWhite, placeOn, type Raster, type RgbRaster, upright } from "./raster.ts";
import { sniffImage } from "./sniff.ts";
import { readWebpInfo } from "./webp.ts";

/** A decoded picture: upright, opaque, u8 [height, width, 3]. */
export interface RgbImage extends RgbRaster {
  /** SHA-256 over size and pixels, hexadecimal: equal pictures have equal hashes, whatever file they came in. */
  readonly hash: string;
}

export interface DecodeOptions {
  /** Most pixels of a picture, by its header, before anything is decoded. Default 40 million. */
  readonly maxPixels?: number;
}

const defaultMaxPixels = 40_000_000;

/** A picture of 40 million pixels takes half a gigabyte while it is decoded, so they must queue. */
const gate = new Gate(Math.max(1, Math.min(4, availableParallelism())));

/** Changes when the same file would give other pixels: then nothing cached under an old hash may be used. */
const pixelVersion = "llamav pixels 1";

// The same bytes on every system, and no codecs of the operating system.
Bun.Image.backend = "bun";

/**
 * Decodes a PNG, JPEG, WebP, GIF or BMP file: first frame of animations, EXIF orientation applied, transparency
 * over white, 16 bits scaled to 8, colour profiles not applied.
 *
 * @throws {RequestError} Code `invalid_image`, with a fixed text: another format, a cut or damaged file, or too
 *   many pixels.
 */
export function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<RgbImage> {
  return gate.run(async () => {
    const { raster, orientation } = await decodeFile(bytes, options.maxPixels ?? defaultMaxPixels);
    const image = upright(overWhite(raster), orientation);
    return { ...image, hash: hashPixels(image) };
  });
}

interface DecodedFile {
  readonly raster: Raster;
  readonly orientation: Orientation;
}

async function decodeFile(bytes: Uint8Array, maxPixels: number): Promise<DecodedFile> {
  switch (sniffImage(bytes)) {
    case "png":
      return { raster: await decodePixels(bytes, maxPixels), orientation: pngOrientation(bytes) };
    case "jpeg": {
      const { orientation, complete } = readJpegInfo(bytes);
      if (!complete) throw imageError("damaged");
      return { raster: await decodePixels(bytes, maxPixels), orientation };
    }
    case "gif": {
      const canvas = readGifInfo(bytes);
      if (!canvas) throw imageError("damaged");
      checkSize(canvas, maxPixels);
      const frame = await decodePixels(bytes, maxPixels);
      return { raster: placeOn(canvas.width, canvas.height, frame, canvas.left, canvas.top), orientation: 1 };
    }
    case "webp": {
      const info = readWebpInfo(bytes);
      if (!info) throw imageError("damaged");
      if (!info.firstFrame) {
        return { raster: await decodePixels(bytes, maxPixels), orientation: info.orientation };
      }
      const { file, width, height, left, top } = info.firstFrame;
      checkSize({ width, height }, maxPixels);
      const frame = await decodePixels(file, maxPixels);
      return { raster: placeOn(width, height, frame, left, top), orientation: info.orientation };
    }
    case "bmp":
      checkSize(bmpSize(bytes), maxPixels);
      return { raster: decodeBmp(bytes), orientation: 1 };
    case undefined:
      throw imageError("format");
  }
}

/** Decodes on a thread of the runtime. Only bytes may go in: it would open a text as a file name. */
async function decodePixels(bytes: Uint8Array, maxPixels: number): Promise<Raster> {
  let png: Uint8Array;
  try {
    png = await new Bun.Image(bytes, { maxPixels, autoOrient: false }).png({ compressionLevel: 0 }).bytes();
  } catch (error) {
    const tooLarge = (error as { code?: unknown }).code === "ERR_IMAGE_TOO_MANY_PIXELS";
    throw imageError(tooLarge ? "tooLarge" : "damaged");
  }
  return readPlainPng(png);
}

function checkSize({ width, height }: { width: number; height: number }, maxPixels: number): void {
  if (width * height > maxPixels) throw imageError("tooLarge");
}

function hashPixels({ width, height, data }: RgbRaster): string {
  return new Bun.CryptoHasher("sha256").update(`${pixelVersion}, ${width} x ${height}\n`).update(data).digest(
    "hex",
  );
}
