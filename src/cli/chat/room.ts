/** What a conversation can outgrow, and what helps while it goes on. */

import { type ExplainedError, RequestError } from "../../base/errors.ts";
import type { ModelInfo } from "../../runtime/request.ts";
import type { Chat } from "./chat.ts";
import { type ChatPicture, describePicture, picturesOf, takeLastQuestion } from "./session.ts";

/** The part of a conversation that this is about. */
type Conversation = Pick<Chat, "session" | "pending" | "runtime">;

/** Tiles of each picture, as the model cuts it. */
export async function tilesOf(
  pictures: readonly ChatPicture[],
  model: Pick<ModelInfo, "tileSize" | "maxTiles">,
): Promise<number[]> {
  if (pictures.length === 0) return [];
  const { countTiles } = await import("../../runtime/picture_view.ts");
  return pictures.map((picture) => countTiles(picture, model));
}

/** `"cat.jpg 640×480 → 2 tiles"` */
export function describeTiles(picture: ChatPicture, tiles: number): string {
  return `${describePicture(picture)} → ${tiles} ${tiles === 1 ? "tile" : "tiles"}`;
}

/**
 * Why a question about the pictures of a conversation would be refused.
 *
 * @param named by the message that is to be sent, and not yet part of the conversation
 * @returns undefined if they fit
 */
export async function pictureShortage(
  { session, pending, runtime: { model } }: Conversation,
  named: readonly ChatPicture[] = [],
): Promise<RequestError | undefined> {
  const attached = [...picturesOf(session), ...pending];
  // One that is there twice counts twice, as for the engine: it has two places in the sequence.
  const sum = async (pictures: readonly ChatPicture[]) =>
    (await tilesOf(pictures, model)).reduce((sum, tiles) => sum + tiles, 0);
  const [before, own] = [await sum(attached), await sum(named)];
  const tiles = before + own;
  const room = model.imageTiles;
  if (tiles <= room) return undefined;
  const isOwn = own > room;
  const what = (isOwn ? named : [...attached, ...named]).length === 1
    ? "The picture takes"
    : `The pictures of this ${isOwn ? "message" : "conversation"} take`;
  const removal = isOwn ? "/edit changes the message, to name fewer or smaller pictures" : removals(session);
  return new RequestError(`${what} ${isOwn ? own : tiles} tiles, and there is room for ${room}`, {
    code: "too_many_images",
    remedy: `${removal}; llamav chat --image-tiles ${tiles} makes room for them`,
  });
}

function removals(session: Chat["session"]): string {
  const undo = takeLastQuestion(session)?.question.pictures.length;
  return [
    "/detach N removes one (/images lists them)",
    ...undo ? ["/undo those of the last question"] : [],
    "/clear all",
  ].join(", ");
}

/** What helps against an error here: where flags are named that cannot be given now, what can be done instead. */
export function remedyInChat(error: ExplainedError, { session, runtime }: Conversation): string | undefined {
  if (!(error instanceof RequestError) || error.details.code !== "context_length_exceeded") {
    return error.remedy;
  }
  const { contextLength, longestContext } = runtime.model;
  const remedies = [
    ...session.turns.length > 0 ? ["/undo takes back the last question", "/clear begins anew"] : [],
    // Where it is not set, an answer takes what there is.
    ...session.parameters.maxTokens === undefined ? [] : ["/set max-tokens N asks for a shorter answer"],
  ];
  const own = remedies.length > 0 ? remedies.join(", ") : "Shorten the message";
  return contextLength < longestContext ? `${own}; llamav chat --ctx-size N makes room for more` : own;
}
