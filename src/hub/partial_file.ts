import { constants } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import type { Disk } from "./disk.ts";
import type { FileHash } from "./listing.ts";

/** A range of the file, fetched in one request where nothing goes wrong. */
export interface Piece {
  readonly begin: number;
  readonly end: number;
  /** Bytes from `begin` on that are on the disk. */
  done: number;
}

/** Bytes that are read at a time to hash a file. */
const windowBytes = 4 << 20;

/**
 * A file on its way: its bytes where they will be in the end, and beside it a journal of how many bytes of each piece
 * have come. The journal follows the bytes, so what it counts is there, and a pull that was killed goes on behind it.
 * (After a power cut it may count too much; the hash finds that.)
 *
 * The names are not those of other programs: some of them take the length of what is there for what has come, and a
 * file that is fetched in pieces has its full length from the beginning.
 */
export class PartialFile {
  readonly pieces: readonly Piece[];
  /** Whether some of its bytes are of an earlier run. */
  isResumed: boolean;
  readonly #path: string;
  readonly #data: FileHandle;
  readonly #journal: FileHandle;
  readonly #disk: Disk;

  private constructor(
    path: string,
    data: FileHandle,
    journal: FileHandle,
    pieces: readonly Piece[],
    disk: Disk,
  ) {
    this.#path = path;
    this.#data = data;
    this.#journal = journal;
    this.#disk = disk;
    this.pieces = pieces;
    this.isResumed = this.doneBytes > 0;
  }

  /**
   * Opens what an earlier run has left, or begins anew where it left nothing of this size.
   *
   * @param path of the finished file; this one lies beside it
   */
  static async open(path: string, size: number, pieceBytes: number, disk: Disk): Promise<PartialFile> {
    // A link there would lead the bytes elsewhere.
    const flags = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
    const data = await open(dataPath(path), flags, 0o644);
    try {
      const journal = await open(journalPath(path), flags, 0o644);
      try {
        const pieces = await readJournal(journal, data, size, pieceBytes);
        await data.truncate(size);
        return new PartialFile(path, data, journal, pieces, disk);
      } catch (error) {
        await journal.close();
        throw error;
      }
    } catch (error) {
      await data.close();
      throw error;
    }
  }

  get doneBytes(): number {
    return this.pieces.reduce((sum, { done }) => sum + done, 0);
  }

  get isComplete(): boolean {
    return this.pieces.every(({ begin, end, done }) => begin + done === end);
  }

  /** Adds the next bytes of a piece. */
  async append(piece: Piece, bytes: Uint8Array): Promise<void> {
    await this.#disk.write(this.#data, bytes, piece.begin + piece.done);
    const done = piece.done + bytes.length;
    const record = new Uint8Array(new Float64Array([done]).buffer);
    await this.#disk.write(this.#journal, record, headerBytes + this.pieces.indexOf(piece) * 8);
    // Last: others take the file for complete by it, and may empty it while this one is still being written.
    piece.done = done;
  }

  /** Whether the bytes are those that the hub announced. */
  async matches(hash: FileHash, signal?: AbortSignal): Promise<boolean> {
    const { size } = await this.#data.stat();
    const hasher = new Bun.CryptoHasher(hash.algorithm === "sha256" ? "sha256" : "sha1");
    // Git hashes a file with its kind and its length before it.
    if (hash.algorithm === "git-sha1") hasher.update(`blob ${size}\0`);
    const window = new Uint8Array(Math.min(windowBytes, Math.max(1, size)));
    for (let position = 0; position < size;) {
      signal?.throwIfAborted();
      const { bytesRead } = await this.#data.read(window, 0, window.length, position);
      if (bytesRead === 0) return false;
      hasher.update(window.subarray(0, bytesRead));
      position += bytesRead;
    }
    return hasher.digest("hex") === hash.hex;
  }

  /** Makes it the finished file, at once or not at all. */
  async finish(): Promise<void> {
    await this.#data.sync();
    await this.close();
    await rename(dataPath(this.#path), this.#path);
    await rm(journalPath(this.#path), { force: true });
  }

  /** Forgets every byte of it. */
  async empty(): Promise<void> {
    this.isResumed = false;
    for (const piece of this.pieces) piece.done = 0;
    await this.#journal.truncate(0);
    await this.#data.truncate(0);
    await writeHeader(this.#journal, this.pieces);
    await this.#data.truncate(this.pieces.at(-1)?.end ?? 0);
  }

  /** Leaves nothing of it. */
  async discard(): Promise<void> {
    await this.close();
    await rm(dataPath(this.#path), { force: true });
    await rm(journalPath(this.#path), { force: true });
  }

  async close(): Promise<void> {
    await this.#data.close();
    await this.#journal.close();
  }
}

/** Whether a file among the blobs is one on its way, or its journal. */
export function isPartial(name: string): boolean {
  return /\.llamav\.(incomplete|progress)$/.test(name);
}

function dataPath(path: string): string {
  return `${path}.llamav.incomplete`;
}

function journalPath(path: string): string {
  return `${path}.llamav.progress`;
}

/** A journal that speaks of more was not written here. */
const maxPieces = 1e6;

/** One number, the size of a piece; then for each piece the bytes that have come. All are 64-bit floats. */
const headerBytes = 8;

async function readJournal(
  journal: FileHandle,
  data: FileHandle,
  size: number,
  pieceBytes: number,
): Promise<Piece[]> {
  const before = new Uint8Array((await journal.stat()).size);
  await journal.read(before, 0, before.length, 0);
  const whole = before.subarray(0, before.length - before.length % 8).slice();
  const [beforeBytes = 0, ...counts] = new Float64Array(whole.buffer);
  // The pieces are as they were, whatever size new ones would have.
  const isSound = (await data.stat()).size === size && beforeBytes >= 1 && size / beforeBytes < maxPieces;
  const kept = cut(size, isSound ? beforeBytes : pieceBytes);
  if (isSound && counts.length <= kept.length) {
    kept.forEach((piece, i) => piece.done = counts[i] ?? 0);
    const fits = ({ begin, end, done }: Piece) =>
      Number.isSafeInteger(done) && done >= 0 && done <= end - begin;
    if (kept.every(fits)) return kept;
  }
  const pieces = cut(size, pieceBytes);
  await journal.truncate(0);
  await writeHeader(journal, pieces);
  return pieces;
}

async function writeHeader(journal: FileHandle, pieces: readonly Piece[]): Promise<void> {
  const [first] = pieces;
  const pieceBytes = first === undefined ? 1 : first.end - first.begin;
  await journal.write(new Uint8Array(new Float64Array([pieceBytes]).buffer), 0, 8, 0);
}

function cut(size: number, pieceBytes: number): Piece[] {
  return Array.from({ length: Math.ceil(size / pieceBytes) }, (_, i) => ({
    begin: i * pieceBytes,
    end: Math.min(size, (i + 1) * pieceBytes),
    done: 0,
  }));
}

/** Whether a finished file of this size is there, links followed. */
export async function isThere(path: string, size: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && found.isFile() && found.size === size;
}
