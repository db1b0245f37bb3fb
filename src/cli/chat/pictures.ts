import { basename } from "node:path";
import { ExplainedError, RequestError } from "../../base/errors.ts";
import { requestLimits } from "../../runtime/request_settings.ts";
import type { PictureView } from "../../runtime/picture_view.ts";
import type { CliContext } from "../context.ts";
import { UsageError } from "../exit_codes.ts";
import { isUrl, isWebUrl, shownUrl } from "../given_url.ts";
import { pictureFetcher, pictureName, readPictureFile, seemsPicture } from "../pictures.ts";
import { readClipboardPicture } from "./clipboard.ts";
import { homeOf } from "./home.ts";
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
  if (isUrl(name)) {
    const load = await pictureFetcher(context);
    return await open(nameOfUrl(name), await load(name, signal));
  }
  const [mention] = findMentions(`@${name}`, homeOf(context));
  const isWhole = mention?.from === 0 && mention.to === name.length + 1;
  const path = isWhole ? mention.path : name;
  return await open(basename(path), await readPictureFile(path));
}

/** A message, its pictures, and what the person should know of names in it that are of none. */
export interface TakenMessage {
  readonly text: string;
  readonly opened: readonly OpenedPicture[];
  readonly remarks: readonly string[];
}

/**
 * Takes the pictures out of a message. A word is one if it names a file that is a picture or is called like one; behind
 * an @ it must.
 *
 * @throws {ExplainedError} If a name behind an @ is none of a picture, a file that is one cannot be opened, or the
 * message is nothing but names of pictures that are not there.
 */
export async function takePictures(
  text: string,
  open: OpenPicture,
  context: CliContext,
): Promise<TakenMessage> {
  const opened: OpenedPicture[] = [];
  const found = [];
  const absent = [];
  for (const mention of findMentions(text, homeOf(context))) {
    if (!mention.isExplicit && !(await seemsPicture(mention.path))) {
      if (isPictureName(mention.path)) absent.push(mention);
      continue;
    }
    if (isWebUrl(mention.path)) throw byAddress();
    found.push(mention);
    try {
      opened.push(await open(basename(mention.path), await readPictureFile(mention.path)));
    } catch (error) {
      if (!(error instanceof ExplainedError) || mention.isExplicit) throw error;
      // Sent as a text it would be a path that the model can do nothing with.
      throw new UsageError(error.message, otherName);
    }
  }
  const [first] = absent;
  // As when a file was dropped that is gone: there is no question to answer.
  if (first !== undefined && removeMentions(text, [...found, ...absent]) === "") {
    if (isWebUrl(first.path)) throw byAddress();
    throw new UsageError(`There is no file "${first.path}"`, otherName);
  }
  const remarks = absent.map(({ path }) =>
    isWebUrl(path)
      ? `The model gets no more than the address "${shownUrl(path)}": /image adds the picture`
      : `There is no file "${path}": the model gets no more than the name`
  );
  return { text: removeMentions(text, found), opened, remarks: [...new Set(remarks)] };
}

const otherName = "Name another file, or write `name` where no more than the name is meant";

/** Whether a word that names no file was meant to name a picture: `.png` and `*.png` are kinds of them. */
function isPictureName(path: string): boolean {
  return pictureName.test(path) && !/^[.*]/.test(basename(path));
}

/** Not with the address: it may hold what is secret, and without that it would not work. */
function byAddress(): UsageError {
  return new UsageError("A message takes no picture by its address", "/image URL adds it");
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

function nameOfUrl(url: string): string {
  if (!isWebUrl(url)) return "data";
  return URL.canParse(url) ? basename(new URL(url).pathname) || new URL(url).hostname : shownUrl(url);
}
