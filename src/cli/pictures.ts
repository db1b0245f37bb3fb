import { existsSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { RequestError } from "../base/errors.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit_codes.ts";

/** Largest picture file that is read; what it may hold is checked when it is decoded. */
export const maxPictureBytes = 64 * 1024 * 1024;

/** What the name of a picture file ends with. */
export const pictureName = /\.(png|jpe?g|webp|gif|bmp)$/i;

/**
 * Brings a picture that the person at the terminal named: `-` is stdin, an http(s) or data: URL is fetched, also
 * from their own network, and everything else is a file.
 *
 * @throws {UsageError} If it is no regular file that can be read, or too large.
 */
export async function readPicture(name: string, context: CliContext): Promise<Uint8Array> {
  if (name === "-") return await readPictureFromStdin(context);
  if (/^(https?|data):/i.test(name)) {
    const load = await context.services.pictureLoader({ allowRemote: true, allowPrivate: true });
    return await load(name);
  }
  return await readPictureFile(name);
}

/** Whether a word of the prompt is the file of a picture, as in `--image a.jpg b.jpg`. */
export function isPictureFile(word: string): boolean {
  return pictureName.test(word) && existsSync(word);
}

/** The refusal of a picture's bytes, which knows no names, with those of the pictures it can be about. */
export function namePictures(error: unknown, names: readonly string[]): unknown {
  if (!(error instanceof RequestError) || error.details.code !== "invalid_image") return error;
  if (names.length === 0) return error;
  const label = names.length === 1 ? "Picture" : "One of the pictures";
  return new RequestError(`${label} ${names.join(", ")}: ${error.message}`, error.details);
}

async function readPictureFromStdin({ terminal }: CliContext): Promise<Uint8Array> {
  try {
    return await terminal.readStdin(maxPictureBytes);
  } catch (error) {
    throw new UsageError(`Cannot read the picture on stdin: ${(error as Error).message}`);
  }
}

/**
 * Reads a picture file.
 *
 * @throws {UsageError} If it is no regular file that can be read, or too large.
 */
export async function readPictureFile(path: string): Promise<Uint8Array> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    if (size > maxPictureBytes) {
      throw new UsageError(
        `Cannot read the picture "${path}": ${size} bytes are more than ${maxPictureBytes}`,
      );
    }
    const bytes = await file.readFile();
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    // A pipe or a device would block the open, or never end.
    if (!(await stat(path)).isFile()) throw new Error("it is no regular file");
    return await open(path, "r");
  } catch (error) {
    const code = (error as { code?: string }).code;
    const reason = code === "ENOENT"
      ? "there is no such file"
      : code === "EACCES"
      ? "it may not be read"
      : (error as Error).message;
    throw new UsageError(`Cannot read the picture "${path}": ${reason}`, "Check its path");
  }
}
