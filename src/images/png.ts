import { inflateSync } from "node:zlib";
import { assert } from "../base/assert.ts";
import { exifOrientation, type Orientation } from "./exif.ts";
import type { Raster } from "./raster.ts";

/** Orientation from a PNG file's eXIf chunk. */
export function pngOrientation(png: Uint8Array): Orientation {
  for (const chunk of pngChunks(png)) if (chunk.type === "eXIf") return exifOrientation(chunk.data);
  return 1;
}

/**
 * Pixels of a PNG as our own decoder writes it: 8-bit RGBA, not interlaced, no filter in any row. The decoder has
 * no other way to hand out pixels; at compression level 0 this costs a copy.
 */
export function readPlainPng(png: Uint8Array): Raster {
  const chunks = [...pngChunks(png)];
  const header = chunks[0]!.data;
  const view = new DataView(header.buffer, header.byteOffset);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  assert(header[8] === 8 && header[9] === 6 && header[12] === 0, "Bun.Image wrote another kind of PNG");
  const stored = Buffer.concat(chunks.filter((chunk) => chunk.type === "IDAT").map((chunk) => chunk.data));
  const rowBytes = 1 + width * 4;
  // One output buffer of the right size; zlib takes none below 64 bytes.
  const rows = inflateSync(stored, { chunkSize: Math.max(rowBytes * height, 64) });
  assert(rows.length === rowBytes * height, "Bun.Image wrote a PNG of another length");
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    assert(rows[y * rowBytes] === 0, "Bun.Image wrote a filtered PNG");
    data.set(rows.subarray(y * rowBytes + 1, (y + 1) * rowBytes), y * width * 4);
  }
  return { width, height, data };
}

/** Chunks of a PNG file, up to the first that is cut off. Checksums are the decoder's business. */
function* pngChunks(png: Uint8Array): Generator<{ type: string; data: Uint8Array }> {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  for (let at = 8; at + 12 <= png.length;) {
    const length = view.getUint32(at);
    if (at + 12 + length > png.length) return;
    yield {
      type: String.fromCharCode(...png.subarray(at + 4, at + 8)),
      data: png.subarray(at + 8, at + 8 + length),
    };
    at += 12 + length;
  }
}
