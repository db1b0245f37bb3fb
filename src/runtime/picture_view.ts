import { chooseArrangement, supportedArrangements } from "../images/canvas.ts";
import { decodeImage } from "../images/decode.ts";
import { resizeBilinear } from "../images/resize.ts";
import { sniffImage } from "../images/sniff.ts";
import type { ModelInfo } from "./request.ts";

/** What a person may want to see of a picture before they ask about it. */
export interface PictureView {
  /** Pixels, upright. */
  readonly width: number;
  readonly height: number;
  /** SHA-256 of the file, hexadecimal. */
  readonly sha256: string;
  /** u8 [height, width, 3], no larger than was asked for. */
  readonly small: { readonly width: number; readonly height: number; readonly data: Uint8Array };
}

/**
 * Decodes a picture as the model will get it, and shrinks it into a box.
 *
 * @throws {RequestError} Code `invalid_image`: no picture that is taken, a damaged one, or too many pixels.
 */
export async function viewPicture(
  bytes: Uint8Array,
  box: { readonly width: number; readonly height: number },
): Promise<PictureView> {
  const image = await decodeImage(bytes);
  const { width, height } = image;
  const scale = Math.min(1, box.width / width, box.height / height);
  const sideOf = (side: number) => Math.max(1, Math.round(side * scale));
  return {
    width,
    height,
    sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("hex"),
    small: resizeBilinear(image, sideOf(width), sideOf(height)),
  };
}

/** Whether bytes that were taken for a text are a picture. */
export function isPicture(bytes: Uint8Array): boolean {
  const format = sniffImage(bytes);
  // A text may begin with the two letters of a bitmap, but no text has a zero so early.
  return format === "bmp" ? bytes.subarray(0, 32).includes(0) : format !== undefined;
}

/** Tiles that a model cuts a picture of this size into. */
export function countTiles(
  { width, height }: { readonly width: number; readonly height: number },
  { tileSize, maxTiles }: Pick<ModelInfo, "tileSize" | "maxTiles">,
): number {
  const { rows, columns } = chooseArrangement(width, height, tileSize, supportedArrangements(maxTiles));
  return rows * columns;
}
