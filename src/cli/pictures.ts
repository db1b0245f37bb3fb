import { existsSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { NetworkError, RequestError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";
import type { LoadPicture } from "../runtime/pictures.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit_codes.ts";
import { isUrl, isWebUrl, shownUrl } from "./given_url.ts";
import { readReason } from "./read_reason.ts";

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
  if (isUrl(name)) return await (await pictureFetcher(context))(name);
  checkNoQuestion(name);
  return await readPictureFile(name);
}

/** @throws {UsageError} If what stands behind `--image` is more likely a question than the name of a file. */
export function checkNoQuestion(name: string): void {
  if (!/\s/.test(name) || pictureName.test(name) || existsSync(name)) return;
  throw new UsageError(
    `--image takes a picture, and there is no file ${quote(name)}`,
    'Write a question without a flag: llamav run "What is in this picture?" --image FILE',
  );
}

/**
 * Fetches pictures by URL for the person at the terminal: from everywhere that this machine can reach. What goes wrong
 * is told with the URL, and with what they can do about it.
 */
export async function pictureFetcher({ services }: Pick<CliContext, "services">): Promise<LoadPicture> {
  const load = await services.pictureLoader({ allowRemote: true, allowPrivate: true });
  return async (url, signal, client) => {
    try {
      return await load(url.trim(), signal, client);
    } catch (error) {
      // However the fetch words it: what ended it is the signal.
      signal?.throwIfAborted();
      if (!(error instanceof RequestError) || !isWebUrl(url)) throw error;
      const message = `Picture ${quote(shownUrl(url))}: ${error.message}`;
      const remedy = "Download it, and give the file";
      const isTheirs = error.details.code === "invalid_image_url" && URL.canParse(url);
      const options = { cause: error };
      throw isTheirs ? new NetworkError(message, remedy, options) : new UsageError(message, remedy, options);
    }
  };
}

/** Whether a word of the prompt is the file of a picture, as in `--image a.jpg b.jpg`. */
export function isPictureFile(word: string): boolean {
  return pictureName.test(word) && existsSync(word);
}

/** Whether a word is the address of a picture, as far as that can be seen. */
export function isPictureUrl(word: string): boolean {
  return isWebUrl(word) && URL.canParse(word) && pictureName.test(new URL(word).pathname);
}

/**
 * Checks what stdin has where it is read as text.
 *
 * @throws {UsageError} If it is a picture.
 */
export async function checkIsText(bytes: Uint8Array): Promise<void> {
  const { isPicture } = await import("../runtime/picture_view.ts");
  if (!isPicture(bytes)) return;
  throw new UsageError(
    "stdin holds a picture, and it is read as text",
    'Say that it is one: llamav run "What is in this picture?" --image -',
  );
}

/** The refusal of a picture's bytes, which knows no names, with those of the pictures it can be about. */
export function namePictures(error: unknown, names: readonly string[]): unknown {
  if (!(error instanceof RequestError) || error.details.code !== "invalid_image") return error;
  if (names.length === 0) return error;
  const label = names.length === 1 ? "Picture" : "One of the pictures";
  const shown = names.map((name) => isUrl(name) ? shownUrl(name) : name);
  return new RequestError(`${label} ${shown.join(", ")}: ${error.message}`, error.details);
}

async function readPictureFromStdin({ terminal }: CliContext): Promise<Uint8Array> {
  try {
    return await terminal.readStdin(maxPictureBytes);
  } catch (error) {
    throw new UsageError(`Cannot read the picture on stdin: ${(error as Error).message}`);
  }
}

/**
 * Whether a name in a text can only mean a picture: of a file that is called like one or begins like one. What is not
 * there is a word like any other.
 */
export async function seemsPicture(path: string): Promise<boolean> {
  const isCalledSo = pictureName.test(path);
  try {
    const found = await stat(path);
    if (isCalledSo || !found.isFile()) return isCalledSo;
    const { isPicture } = await import("../runtime/picture_view.ts");
    return isPicture(await Bun.file(path).slice(0, 64).bytes());
  } catch (error) {
    const isAbsent = ["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"];
    return isCalledSo && !isAbsent.includes(String((error as { code?: unknown }).code));
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
    throw new UsageError(`Cannot read the picture "${path}": ${readReason(error)}`, "Check its path");
  }
}
