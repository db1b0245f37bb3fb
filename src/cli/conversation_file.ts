import { readFile, realpath } from "node:fs/promises";
import { dirname, resolve, sep } from "node:path";
import { ExplainedError, NetworkError, RequestError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";
import { parseConversation } from "../http/conversation.ts";
import type { LoadPicture } from "../runtime/pictures.ts";
import type { TracePrompt } from "../runtime/reports.ts";
import { UsageError } from "./exit_codes.ts";
import { isUrl } from "./given_url.ts";
import { readPictureFile } from "./pictures.ts";
import { readReason } from "./read_reason.ts";

/**
 * Reads the file of a conversation (see `parseConversation`). Pictures are named by `data:` URL, by http(s) URL, or
 * by file name below `folder`.
 *
 * @param folder left out, the folder of the file
 * @throws {UsageError} If the file cannot be read or is no JSON.
 * @throws {RequestError} Naming the file and the field at fault.
 * @throws What `fetchPicture` throws, naming them, too.
 */
export async function readConversation(
  path: string,
  folder: string | undefined,
  fetchPicture: LoadPicture,
): Promise<TracePrompt> {
  const value = await readJson(path);
  const load = pictureBelow(folder ?? dirname(path), fetchPicture);
  /** What became of pictures, by its message: only errors of requests are given their field. */
  const failures = new Map<string, ExplainedError>();
  try {
    return await parseConversation(value, async (name, signal) => {
      try {
        return await load(name, signal);
      } catch (error) {
        if (!(error instanceof ExplainedError)) throw error;
        failures.set(error.message, error);
        throw error instanceof RequestError ? error : new RequestError(error.message);
      }
    });
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const failure = failures.get(error.message);
    const { param } = error.details;
    const field = failure === undefined || param === undefined ? "" : `"${param}" of `;
    const message = `Cannot use ${field}the conversation "${path}": ${error.message}`;
    throw renamed(failure ?? error, message);
  }
}

/** The same error in other words. */
function renamed(error: ExplainedError, message: string): ExplainedError {
  const { remedy } = error;
  if (error instanceof RequestError) return new RequestError(message, error.details);
  if (error instanceof NetworkError) return new NetworkError(message, remedy, { cause: error });
  return new UsageError(message, remedy, { cause: error });
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
    if (isUrl(name)) return await fetchPicture(name, signal);
    const root = await realpath(folder).catch(() => folder);
    const path = await realpath(resolve(root, name)).catch(() => undefined);
    if (path === undefined || !path.startsWith(root + sep)) {
      throw new RequestError(`There is no picture ${quote(name)} below "${folder}"`, {
        code: "invalid_image_url",
        remedy: "Name the folder of the pictures with --images",
      });
    }
    return await readPictureFile(path);
  };
}
