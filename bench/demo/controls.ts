/** Runs in which nothing can be seen of what is asked: a model that looks must then do no better than chance. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { decodeImage } from "../../src/images/decode.ts";
import type { Conversation } from "./question_file.ts";

/** What each conversation is shown: paths of picture files, or their bytes. */
export type Shown = readonly (string | Uint8Array)[];

/** The pictures that belong to each conversation. */
export function ownPictures(conversations: readonly Conversation[], folder: string): Shown[] {
  return conversations.map(({ pictures }) => pictures.map((name) => join(folder, name)));
}

/**
 * Gives each conversation as many pictures of other scenes.
 *
 * @throws {RangeError} If there are too few pictures for that.
 */
export function shuffledPictures(conversations: readonly Conversation[], folder: string): Shown[] {
  const own = ownPictures(conversations, folder);
  const pool = [...new Set(own.flat())];
  return own.map((shown) => {
    const foreign = pool.filter((path) => !shown.includes(path));
    if (foreign.length < shown.length) {
      throw new RangeError(
        `Cannot shuffle: need ${shown.length} pictures of other scenes, have ${foreign.length}; ask more questions`,
      );
    }
    // Half the way round the pool: neighbouring conversations get neighbouring pictures, and none its own.
    const start = pool.indexOf(shown[0] ?? "") + Math.floor(pool.length / 2);
    return shown.map((_, index) => foreign[(start + index) % foreign.length]!);
  });
}

/** Gives each conversation plain gray pictures, each as large as the one in its place. */
export async function blankPictures(
  conversations: readonly Conversation[],
  folder: string,
): Promise<Shown[]> {
  const blanks: Shown[] = [];
  for (const shown of ownPictures(conversations, folder)) {
    blanks.push(
      await Promise.all(shown.map(async (path) => {
        const { width, height } = await decodeImage(readFileSync(path as string));
        return grayPng(width, height);
      })),
    );
  }
  return blanks;
}

/** A PNG file with every pixel at half gray. */
function grayPng(width: number, height: number): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8; // bits per pixel, one channel: the other bytes stay 0
  const rows = Buffer.alloc((width + 1) * height, 128);
  for (let row = 0; row < height; row++) rows[row * (width + 1)] = 0; // no filter
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    pngChunk("IHDR", header),
    pngChunk("IDAT", deflateSync(rows)),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}
