import { availableParallelism } from "node:os";
import type { RequestError } from "../base/errors.ts";
import { type Asker, Gate } from "../base/gate.ts";
import { bmpSize, decodeBmp } from "./bmp.ts";
import type { Orientation } from "./exif.ts";
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

export interface DecodeOptions extends Asker {
  /** Most pixels of a picture, by its header, before anything is decoded. Default 40 million. */
  readonly maxPixels?: number;
}

const defaultMaxPixels = 40_000_000;
/**
 * Longest side of a picture, as that of JPEG and GIF. Rows cost more than their pixels: one column of 39 million pixels
 * took 2.9 GB.
 */
const maxSide = 65_535;

/**
 * A pixel takes some forty bytes while it is decoded, most in a PNG, whose rows exist several times. Units of ten million
 * pixels, one for each core and four at most, bound that to 1.5 GB, as measured with sixteen pictures of 40 million pixels
 * at once: four pictures of an ordinary camera at a time, or one of the largest.
 */
const unitPixels = 10_000_000;
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
 *   many pixels, in all or along one side.
 * @throws The signal's reason, when it is aborted before the picture's turn.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<RgbImage> {
  const { maxPixels = defaultMaxPixels, client, signal } = options;
  const { width, height, orientation, decode } = await openFile(bytes);
  const pixels = width * height;
  if (pixels > maxPixels) throw imageError("tooLarge");
  if (Math.max(width, height) > maxSide) throw imageError("tooLong");
  return await gate.run(async () => {
    const image = upright(overWhite(await decode(pixels)), orientation);
    // What a large picture was made of is hundreds of megabytes, and the next one comes before anybody tidies up.
    if (pixels > unitPixels) Bun.gc(true);
    return { ...image, hash: hashPixels(image) };
  }, { units: Math.ceil(pixels / unitPixels), client, signal });
}

/** What a file's headers say, and how its pixels are had. */
interface ImageFile {
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
  /** @param maxPixels more than that are not decoded, whatever another header says */
  decode(maxPixels: number): Promise<Raster>;
}

async function openFile(bytes: Uint8Array): Promise<ImageFile> {
  const still = async (orientation: Orientation): Promise<ImageFile> => ({
    ...await readSize(bytes),
    orientation,
    decode: (maxPixels) => decodePixels(bytes, maxPixels),
  });
  switch (sniffImage(bytes)) {
    case "png":
      return await still(pngOrientation(bytes));
    case "jpeg": {
      const { orientation, complete } = readJpegInfo(bytes);
      if (!complete) throw imageError("damaged");
      return await still(orientation);
    }
    case "gif": {
      const canvas = readGifInfo(bytes);
      if (!canvas) throw imageError("damaged");
      return onCanvas(canvas, bytes, 1);
    }
    case "webp": {
      const info = readWebpInfo(bytes);
      if (!info) throw imageError("damaged");
      const { firstFrame, orientation } = info;
      return firstFrame ? onCanvas(firstFrame, firstFrame.file, orientation) : await still(orientation);
    }
    case "bmp":
      // deno-lint-ignore require-await -- it is the one format that no thread of the runtime decodes
      return { ...bmpSize(bytes), orientation: 1, decode: async () => decodeBmp(bytes) };
    case undefined:
      throw imageError("format");
  }
}

/** A frame that lies somewhere on its canvas. */
function onCanvas(
  { width, height, left, top }: { width: number; height: number; left: number; top: number },
  frame: Uint8Array,
  orientation: Orientation,
): ImageFile {
  const decode = async (maxPixels: number) =>
    placeOn(width, height, await decodePixels(frame, maxPixels), left, top);
  return { width, height, orientation, decode };
}

/** Width and height by the file's header. */
async function readSize(bytes: Uint8Array): Promise<{ width: number; height: number }> {
  try {
    const { width, height } = await new Bun.Image(bytes, { autoOrient: false }).metadata();
    return { width, height };
  } catch (error) {
    throw decodeError(error);
  }
}

/** Decodes on a thread of the runtime. Only bytes may go in: it would open a text as a file name. */
async function decodePixels(bytes: Uint8Array, maxPixels: number): Promise<Raster> {
  let png: Uint8Array;
  try {
    png = await new Bun.Image(bytes, { maxPixels, autoOrient: false }).png({ compressionLevel: 0 }).bytes();
  } catch (error) {
    throw decodeError(error);
  }
  return readPlainPng(png);
}

function decodeError(error: unknown): RequestError {
  const tooLarge = (error as { code?: unknown }).code === "ERR_IMAGE_TOO_MANY_PIXELS";
  return imageError(tooLarge ? "tooLarge" : "damaged");
}

function hashPixels({ width, height, data }: RgbRaster): string {
  return new Bun.CryptoHasher("sha256").update(`${pixelVersion}, ${width} x ${height}\n`).update(data).digest(
    "hex",
  );
}
