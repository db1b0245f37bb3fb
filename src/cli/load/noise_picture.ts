import { deflateSync } from "node:zlib";

/** A PNG of so many pixels a side whose colours nobody has seen: `next` gives numbers in [0, 1). */
export function noisePicture(next: () => number, side: number): Buffer {
  // Each row begins with its filter, 0 for none.
  const rows = Buffer.alloc(side * (1 + side * 3));
  for (let i = 0; i < rows.length; i++) if (i % (1 + side * 3) !== 0) rows[i] = Math.floor(next() * 256);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([8, 2], 8); // 8 bits, red green blue
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  // Noise does not get smaller, and whoever sends it must not be busy with trying.
  const pixels = deflateSync(rows, { level: 0 });
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", pixels),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(Bun.hash.crc32(body));
  return Buffer.concat([length, body, check]);
}
