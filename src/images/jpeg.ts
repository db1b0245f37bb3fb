import { exifOrientation, type Orientation } from "./exif.ts";

/** What the decoder does not tell about a JPEG file. */
export interface JpegInfo {
  readonly orientation: Orientation;
  /** Whether the end marker is there. The decoder fills the rest of a cut file with grey and says nothing. */
  readonly complete: boolean;
}

const startOfScan = 0xda, endOfImage = 0xd9, app1 = 0xe1;

/** Walks the markers of a JPEG file. Source: ITU-T T.81, annex B. */
export function readJpegInfo(bytes: Uint8Array): JpegInfo {
  let orientation: Orientation = 1;
  for (let at = 2; at < bytes.length;) {
    at = nextMarker(bytes, at);
    if (at < 0) break;
    const marker = bytes[at]!;
    if (marker === endOfImage) return { orientation, complete: true };
    at++;
    if (isStandalone(marker)) continue;
    const length = (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
    if (marker === app1 && orientation === 1) {
      orientation = exifOrientation(bytes.subarray(at + 2, at + length));
    }
    // After the header of a scan comes entropy-coded data, which nextMarker() passes over.
    at += marker === startOfScan ? Math.max(length, 2) : length;
    if (length < 2) break;
  }
  return { orientation, complete: false };
}

/** Index of the next marker's code at or after `at`: an 0xff, any number of times, then not 0 and not a restart. */
function nextMarker(bytes: Uint8Array, at: number): number {
  for (let i = bytes.indexOf(0xff, at); i >= 0; i = bytes.indexOf(0xff, i)) {
    while (bytes[i] === 0xff) i++;
    if (i >= bytes.length) return -1;
    const code = bytes[i]!;
    if (code !== 0 && !(code >= 0xd0 && code <= 0xd7)) return i;
  }
  return -1;
}

/** Markers without a length: TEM and a repeated start of image. */
function isStandalone(marker: number): boolean {
  return marker === 0x01 || marker === 0xd8;
}
