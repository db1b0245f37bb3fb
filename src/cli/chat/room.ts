/** What a conversation can outgrow, and what helps while it goes on. */

import { type ExplainedError, RequestError } from "../../base/errors.ts";
import type { ModelInfo } from "../../runtime/request.ts";
import type { ChatPicture } from "./session.ts";

/**
 * Why a question about these pictures would be refused.
 *
 * @returns undefined if they fit
 */
export async function pictureShortage(
  pictures: readonly ChatPicture[],
  model: Pick<ModelInfo, "imageTiles" | "tileSize" | "maxTiles">,
): Promise<RequestError | undefined> {
  if (pictures.length === 0) return undefined;
  const { countTiles } = await import("../../runtime/picture_view.ts");
  // One that is there twice counts twice, as for the engine: it has two places in the sequence.
  const tiles = pictures.reduce((sum, picture) => sum + countTiles(picture, model), 0);
  if (tiles <= model.imageTiles) return undefined;
  const what = pictures.length === 1 ? "The picture takes" : "The pictures of this conversation take";
  return new RequestError(`${what} ${tiles} tiles, and there is room for ${model.imageTiles}`, {
    code: "too_many_images",
    remedy: `${removals}; llamav chat --image-tiles ${tiles} makes room for them`,
  });
}

/** What helps against an error here: where flags are named that cannot be given now, what can be done instead. */
export function remedyInChat(error: ExplainedError): string | undefined {
  if (!(error instanceof RequestError) || error.details.code !== "context_length_exceeded") {
    return error.remedy;
  }
  return "/undo takes back the last question, /clear begins anew, /set max-tokens N asks for a shorter answer; " +
    "llamav chat --ctx-size N makes room for more";
}

const removals = "/detach N removes one (/images lists them), /undo those of the last question, /clear all";
