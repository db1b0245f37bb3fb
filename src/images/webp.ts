import { exifOrientation, type Orientation } from "./exif.ts";

export interface WebpInfo {
  readonly orientation: Orientation;
  /** First frame of an animation, as a still file of its own, and its place on the canvas. */
  readonly firstFrame?: {
    readonly file: Uint8Array;
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly height: number;
  };
}

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

/**
 * What the decoder leaves aside: orientation, and animations, which it refuses.
 * Source: RFC 9649, "WebP Image Format", 2.7.
 *
 * @returns undefined for an animation without a whole first frame.
 */
export function readWebpInfo(webp: Uint8Array): WebpInfo | undefined {
  const chunks = [...riffChunks(webp.subarray(12))];
  const exif = chunks.find((chunk) => chunk.type === "EXIF");
  const orientation = exif ? exifOrientation(exif.data) : 1;
  const [header] = chunks;
  const animated = header?.type === "VP8X" && header.data.length >= 10 && (header.data[0]! & 0x02) !== 0;
  if (!animated) return { orientation };
  const frame = chunks.find((chunk) => chunk.type === "ANMF")?.data;
  if (!frame || frame.length < 24) return undefined;
  const parts = [...riffChunks(frame.subarray(16))].filter(({ type }) =>
    type === "ALPH" || type.startsWith("VP8")
  );
  // A still file with alpha beside a VP8 stream needs a VP8X header that says so. Sizes are stored less one.
  const extended = { type: "VP8X", data: Uint8Array.of(0x10, 0, 0, 0, ...frame.subarray(6, 12)) };
  return {
    orientation,
    firstFrame: {
      file: riffFile(parts[0]?.type === "ALPH" ? [extended, ...parts] : parts),
      left: 2 * u24(frame, 0),
      top: 2 * u24(frame, 3),
      width: 1 + u24(header.data, 4),
      height: 1 + u24(header.data, 7),
    },
  };
}

/** Chunks up to the first that is cut off. */
function* riffChunks(bytes: Uint8Array): Generator<Chunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = view.getUint32(at + 4, true);
    if (at + 8 + length > bytes.length) return;
    yield {
      type: String.fromCharCode(...bytes.subarray(at, at + 4)),
      data: bytes.subarray(at + 8, at + 8 + length),
    };
    at += 8 + length + (length & 1);
  }
}

function riffFile(chunks: readonly Chunk[]): Uint8Array {
  const body = chunks.flatMap(({ type, data }) => {
    const header = Buffer.alloc(8);
    header.write(type, "latin1");
    header.writeUInt32LE(data.length, 4);
    return data.length & 1 ? [header, data, Buffer.alloc(1)] : [header, data];
  });
  const riff = Buffer.from("RIFF\0\0\0\0WEBP", "latin1");
  riff.writeUInt32LE(4 + body.reduce((sum, part) => sum + part.length, 0), 4);
  return Buffer.concat([riff, ...body]);
}

function u24(bytes: Uint8Array, at: number): number {
  return bytes[at]! + bytes[at + 1]! * 0x100 + bytes[at + 2]! * 0x10000;
}
