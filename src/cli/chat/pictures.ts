import { homedir } from "node:os";
import { basename } from "node:path";
import { ExplainedError, RequestError } from "../../base/errors.ts";
import { requestLimits } from "../../runtime/request_settings.ts";
import type { PictureView } from "../../runtime/picture_view.ts";
import type { CliContext } from "../context.ts";
import { UsageError } from "../exit_codes.ts";
import { pictureFetcher, readPictureFile, seemsPicture } from "../pictures.ts";
import { readClipboardPicture } from "./clipboard.ts";
import { findMentions, removeMentions } from "./mentions.ts";
import type { ChatPicture } from "./session.ts";

/** A picture that was looked at: it is one, and its size is known. */
export interface OpenedPicture {
  readonly picture: ChatPicture;
  readonly view: PictureView;
}

/** Opens pictures, and shrinks them into the box of the thumbnail. */
export type OpenPicture = (name: string, bytes: Uint8Array) => Promise<OpenedPicture>;

/** @param box of a thumbnail as the terminal is when the picture is opened */
export function pictureOpener(box: () => { width: number; height: number }): OpenPicture {
  return async (name, bytes) => {
    const { viewPicture } = await import("../../runtime/picture_view.ts");
    try {
      const view = await viewPicture(bytes, box());
      const { width, height, sha256 } = view;
      return { picture: { name, sha256, width, height, bytes }, view };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      throw new RequestError(`Picture "${name}": ${error.message}`, error.details);
    }
  };
}

/**
 * The picture that `/image` names: a file, an http(s) or data: URL, or `clipboard`.
 *
 * @throws {ExplainedError} If there is none, or it is no picture.
 */
export async function openNamedPicture(
  name: string,
  open: OpenPicture,
  context: CliContext,
  signal?: AbortSignal,
): Promise<OpenedPicture> {
  if (name === "-") {
    throw new UsageError(
      "stdin is for the messages of a conversation",
      "Name the picture's file, or use llamav run",
    );
  }
  if (name === "clipboard") return await open("clipboard", readClipboardPicture());
  if (/^(https?|data):/i.test(name)) {
    const load = await pictureFetcher(context);
    return await open(nameOfUrl(name), await load(name, signal));
  }
  const [mention] = findMentions(`@${name}`, homeOf(context));
  const path = mention?.to === name.length + 1 ? mention.path : name;
  return await open(basename(path), await readPictureFile(path));
}

/**
 * Takes the pictures out of a message. A word is one if it names a file that is a picture or is called like one; behind
 * an @ it must.
 *
 * @throws {ExplainedError} If a name behind an @ is none of a picture, or a file that is one cannot be opened.
 */
export async function takePictures(
  text: string,
  open: OpenPicture,
  context: CliContext,
): Promise<{ readonly text: string; readonly opened: readonly OpenedPicture[] }> {
  const opened: OpenedPicture[] = [];
  const found = [];
  for (const mention of findMentions(text, homeOf(context))) {
    if (!mention.isExplicit && !(await seemsPicture(mention.path))) continue;
    found.push(mention);
    try {
      opened.push(await open(basename(mention.path), await readPictureFile(mention.path)));
    } catch (error) {
      if (!(error instanceof ExplainedError) || mention.isExplicit) throw error;
      // Sent as a text it would be a path that the model can do nothing with.
      throw new UsageError(
        error.message,
        "Name another file, or write `name` where no more than the name is meant",
      );
    }
  }
  return { text: removeMentions(text, found), opened };
}

/** @throws {UsageError} If there are more than one request may have. */
export function checkPictureCount(count: number): void {
  const { pictures } = requestLimits;
  if (count <= pictures) return;
  throw new UsageError(
    `At most ${pictures} pictures fit into a conversation, this would be picture ${count}`,
    "/detach N removes one, /clear begins anew",
  );
}

/** The folder that `~` stands for. */
export function homeOf({ env }: Pick<CliContext, "env">): string {
  return env["HOME"] || homedir();
}

function nameOfUrl(url: string): string {
  if (/^data:/i.test(url)) return "data";
  return URL.canParse(url) ? basename(new URL(url).pathname) || new URL(url).hostname : url;
}
