import { crc32, deflateSync } from "node:zlib";

/** Small picture files that no reference folder has, built byte by byte. */

/** A TIFF block with one tag, as PNG, WebP and JPEG carry it. */
export function exifBlock(orientation: number, little = true): Buffer {
  const block = Buffer.alloc(26);
  block.write(little ? "II*\0" : "MM\0*", "latin1");
  const u16 = (value: number, at: number) =>
    little ? block.writeUInt16LE(value, at) : block.writeUInt16BE(value, at);
  const u32 = (value: number, at: number) =>
    little ? block.writeUInt32LE(value, at) : block.writeUInt32BE(value, at);
  u32(8, 4);
  u16(1, 8);
  u16(0x0112, 10);
  u16(3, 12);
  u32(1, 14);
  u16(orientation, 18);
  return block;
}

export function pngChunk(type: string, data: Uint8Array): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length);
  chunk.write(type, 4, "latin1");
  chunk.set(data, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return chunk;
}

/** A PNG that promises a size and holds no pixels. */
export function pngHeader(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const end = [pngChunk("IDAT", Buffer.alloc(8)), pngChunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), pngChunk("IHDR", header), ...end]);
}

/** A whole and valid PNG, as small as it can be packed: `bits` bits of grey a pixel, every byte of them `fill`. */
export function plainPng(width: number, height: number, bits = 1, fill = 0): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bits, 0, 0, 0, 0], 8);
  const row = Buffer.alloc(1 + Math.ceil(width * bits / 8), fill);
  row[0] = 0; // unfiltered
  const rows = Buffer.alloc(row.length * height);
  for (let y = 0; y < height; y++) rows.set(row, y * row.length);
  const pixels = deflateSync(rows, { level: 9 });
  const chunks = [pngChunk("IHDR", header), pngChunk("IDAT", pixels), pngChunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), ...chunks]);
}

export interface GifShape {
  screen: [width: number, height: number];
  frame: [left: number, top: number, width: number, height: number];
}

/** A GIF of one frame, all of it colour 1 (red); LZW codes of three bits, cleared before each pixel. */
export function gif({ screen, frame }: GifShape): Buffer {
  const bytes = Buffer.alloc(13 + 12 + 10);
  bytes.write("GIF89a", "latin1");
  bytes.writeUInt16LE(screen[0], 6);
  bytes.writeUInt16LE(screen[1], 8);
  bytes[10] = 0x81;
  bytes.set([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255], 13);
  bytes[25] = 0x2c;
  frame.forEach((value, i) => bytes.writeUInt16LE(value, 26 + 2 * i));
  const codes = Array.from({ length: frame[2] * frame[3] }, () => [4, 1]).flat().concat(5);
  const data = Buffer.alloc(Math.ceil(codes.length * 3 / 8));
  codes.forEach((code, i) => {
    for (let bit = 0; bit < 3; bit++) {
      if (code >> bit & 1) data[(3 * i + bit) >> 3]! |= 1 << ((3 * i + bit) & 7);
    }
  });
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < data.length; at += 255) {
    const block = data.subarray(at, at + 255);
    blocks.push(Buffer.from([block.length]), block);
  }
  return Buffer.concat([bytes, Buffer.from([2]), ...blocks, Buffer.from([0, 0x3b])]);
}

export interface BmpShape {
  width: number;
  height: number;
  bits: number;
  /** Rows as the file stores them. */
  rows: number[][];
  compression?: number;
  masks?: number[];
  palette?: number[];
  topDown?: boolean;
}

export function bmp(shape: BmpShape): Buffer {
  const { width, height, bits, rows, compression = 0, masks = [], palette = [], topDown = false } = shape;
  const pixels = 54 + masks.length * 4 + palette.length;
  const header = Buffer.alloc(pixels);
  header.write("BM", "latin1");
  header.writeUInt32LE(pixels, 10);
  header.writeUInt32LE(40, 14);
  header.writeInt32LE(width, 18);
  header.writeInt32LE(topDown ? -height : height, 22);
  header.writeUInt16LE(1, 26);
  header.writeUInt16LE(bits, 28);
  header.writeUInt32LE(compression, 30);
  masks.forEach((mask, i) => header.writeUInt32LE(mask >>> 0, 54 + 4 * i));
  header.set(palette, 54 + masks.length * 4);
  return Buffer.concat([
    header,
    ...rows.map((row) => Buffer.from([...row, ...Array(-row.length & 3).fill(0)])),
  ]);
}

export function riff(chunks: readonly [type: string, data: Uint8Array][]): Buffer {
  const body = chunks.flatMap(([type, data]) => {
    const header = Buffer.alloc(8);
    header.write(type, "latin1");
    header.writeUInt32LE(data.length, 4);
    return [header, data, Buffer.alloc(data.length & 1)];
  });
  const content = Buffer.concat([Buffer.from("WEBP", "latin1"), ...body]);
  const head = Buffer.from("RIFF\0\0\0\0", "latin1");
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
}
