import { startsWith } from "./sniff.ts";

/** How stored rows and columns map to the upright picture: EXIF tag 0x0112, 1 (upright) to 8. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/**
 * Orientation from an EXIF block: a TIFF header, and tag 0x0112 in its first directory. A block that makes no
 * sense means upright, as viewers have it.
 *
 * @param exif the TIFF block, with or without the "Exif\0\0" that JPEG puts before it
 */
export function exifOrientation(exif: Uint8Array): Orientation {
  const tiff = startsWith(exif, 0, "Exif\0\0") ? exif.subarray(6) : exif;
  const little = startsWith(tiff, 0, "II*\0");
  if (!little && !startsWith(tiff, 0, "MM\0*")) return 1;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  if (tiff.length < 8) return 1;
  const directory = view.getUint32(4, little);
  if (directory + 2 > tiff.length) return 1;
  const entries = view.getUint16(directory, little);
  for (let i = 0, at = directory + 2; i < entries && at + 12 <= tiff.length; i++, at += 12) {
    if (view.getUint16(at, little) !== 0x0112) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value as Orientation : 1;
  }
  return 1;
}
