import { imageError } from "./image_error.ts";
import type { Raster } from "./raster.ts";

interface BmpHeader {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  readonly compression: number;
  readonly pixels: number;
  readonly palette: { readonly at: number; readonly entryBytes: number };
  /** Bit masks of red, green, blue and alpha, for 16 and 32 bits. */
  readonly masks: readonly number[];
}

const uncompressed = 0, bitFields = 3, alphaBitFields = 6;

/** Width and height of a BMP file, by its header alone. */
export function bmpSize(bmp: Uint8Array): { width: number; height: number } {
  return readHeader(bmp);
}

/**
 * Decodes an uncompressed BMP file: 1, 4, 8, 16, 24 or 32 bits, rows in either order, with bit masks or a palette.
 * The runtime's decoder knows no palettes. Run-length coded files are refused.
 * Source: Microsoft, "Bitmap Storage".
 *
 * @throws {RequestError} If the file is cut off, or of another kind.
 */
export function decodeBmp(bmp: Uint8Array): Raster {
  const header = readHeader(bmp);
  const { width, height, bits, pixels } = header;
  const rowBytes = Math.ceil(width * bits / 32) * 4;
  if (pixels + rowBytes * height > bmp.length) throw imageError("damaged");
  const readRow = bits <= 8
    ? paletteReader(bmp, header)
    : bits === 24
    ? readBgr
    : maskReader(header.masks, bits);
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    const from = pixels + rowBytes * (header.topDown ? y : height - 1 - y);
    readRow(bmp.subarray(from, from + rowBytes), data.subarray(y * width * 4, (y + 1) * width * 4));
  }
  return { width, height, data };
}

type RowReader = (row: Uint8Array, out: Uint8Array) => void;

function readHeader(bmp: Uint8Array): BmpHeader {
  if (bmp.length < 54) throw imageError("damaged");
  const view = new DataView(bmp.buffer, bmp.byteOffset, bmp.byteLength);
  const size = view.getUint32(14, true);
  const core = size === 12;
  if (!core && (size < 40 || size > 256)) throw imageError("format");
  const width = core ? view.getUint16(18, true) : view.getInt32(18, true);
  const height = core ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(core ? 24 : 28, true);
  const compression = core ? uncompressed : view.getUint32(30, true);
  const masked = compression === bitFields || compression === alphaBitFields;
  const known = [1, 4, 8, 16, 24, 32].includes(bits) && (compression === uncompressed || masked) &&
    (!masked || bits === 16 || bits === 32);
  if (!known) throw imageError("format");
  if (width <= 0 || height === 0) throw imageError("damaged");
  // The masks follow a 40-byte header, or are part of a longer one: at the same place either way.
  const maskBytes = masked && size === 40 ? (compression === bitFields ? 12 : 16) : 0;
  if (masked && bmp.length < 70) throw imageError("damaged");
  const stored = [54, 58, 62, 66].map((at) => masked ? view.getUint32(at, true) : 0);
  // Without an alpha mask of its own a picture is opaque.
  if (size < 56 && compression !== alphaBitFields) stored[3] = 0;
  const plain = bits === 16 ? [0x7c00, 0x3e0, 0x1f, 0] : [0xff0000, 0xff00, 0xff, 0];
  return {
    width,
    height: Math.abs(height),
    topDown: height < 0,
    bits,
    compression,
    pixels: view.getUint32(10, true),
    palette: { at: 14 + size + maskBytes, entryBytes: core ? 3 : 4 },
    masks: masked ? stored : plain,
  };
}

/** 1, 4 or 8 bits per pixel, the leftmost in the highest bits; entries are blue, green, red. */
function paletteReader(bmp: Uint8Array, { bits, palette, pixels }: BmpHeader): RowReader {
  const entries = Math.min(1 << bits, Math.floor((pixels - palette.at) / palette.entryBytes));
  const perByte = 8 / bits;
  return (row, out) => {
    for (let x = 0, to = 0; to < out.length; x++, to += 4) {
      const shift = 8 - bits * (1 + x % perByte);
      const index = (row[Math.floor(x / perByte)]! >> shift) & ((1 << bits) - 1);
      if (index >= entries) throw imageError("damaged");
      const from = palette.at + index * palette.entryBytes;
      out[to] = bmp[from + 2]!;
      out[to + 1] = bmp[from + 1]!;
      out[to + 2] = bmp[from]!;
      out[to + 3] = 255;
    }
  };
}

function readBgr(row: Uint8Array, out: Uint8Array): void {
  for (let from = 0, to = 0; to < out.length; from += 3, to += 4) {
    out[to] = row[from + 2]!;
    out[to + 1] = row[from + 1]!;
    out[to + 2] = row[from]!;
    out[to + 3] = 255;
  }
}

/** 16 or 32 bits per pixel, each channel under its mask, scaled to 8 bits. */
function maskReader(masks: readonly number[], bits: number): RowReader {
  const channels = masks.map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { shift, max: mask >>> shift };
  });
  const bytes = bits / 8;
  return (row, out) => {
    const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
    for (let from = 0, to = 0; to < out.length; from += bytes, to += 4) {
      const pixel = bytes === 2 ? view.getUint16(from, true) : view.getUint32(from, true);
      channels.forEach(({ shift, max }, i) => {
        const absent = i === 3 ? 255 : 0;
        out[to + i] = max === 0 ? absent : Math.floor(((pixel >>> shift) & max) * 255 / max);
      });
    }
  };
}
