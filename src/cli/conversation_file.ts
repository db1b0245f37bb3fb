import { readFile, realpath } from "node:fs/promises";
import { dirname, resolve, sep } from "node:path";
import { RequestError } from "../base/errors.ts";
import { parseConversation } from "../http/conversation.ts";
import type { LoadPicture } from "../runtime/pictures.ts";
import type { TracePrompt } from "../runtime/reports.ts";
import { UsageError } from "./exit_codes.ts";
import { readPictureFile } from "./pictures.ts";
import { readReason } from "./read_reason.ts";

/**
 * Reads the file of a conversation (see `parseConversation`). Pictures are named by `data:` URL, by http(s) URL, or
 * by file name below `folder`.
 *
 * @param folder left out, the folder of the file
 * @throws {UsageError} If the file cannot be read or is no JSON.
 * @throws {RequestError} Naming the file and the field at fault.
 */
export async function readConversation(
  path: string,
  folder: string | undefined,
  fetchPicture: LoadPicture,
): Promise<TracePrompt> {
  const value = await readJson(path);
  try {
    return await parseConversation(value, pictureBelow(folder ?? dirname(path), fetchPicture));
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    throw new RequestError(`Cannot use the conversation "${path}": ${error.message}`, error.details);
  }
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new UsageError(
      `Cannot read the conversation "${path}": ${readReason(error)}`,
      "Check the path after --messages",
    );
  }
}

/** Loads URLs as `fetchPicture` does, and everything else as a file that lies below `folder`, links followed. */
function pictureBelow(folder: string, fetchPicture: LoadPicture): LoadPicture {
  return async (name, signal) => {
    if (/^(data|https?):/i.test(name)) return await fetchPicture(name, signal);
    const root = await realpath(folder).catch(() => folder);
    const path = await realpath(resolve(root, name)).catch(() => undefined);
    if (path === undefined || !path.startsWith(root + sep)) {
      throw new RequestError(`There is no picture "${name}" below "${folder}"`, {
        code: "invalid_image_url",
        remedy: "Name the folder of the pictures with --images",
      });
    }
    return await readPictureFile(path);
  };
}
