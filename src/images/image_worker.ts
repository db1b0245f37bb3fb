/**
 * Decodes and resizes pictures beside the main thread: a photograph of 12 million pixels keeps a thread busy for a
 * good tenth of a second, in which no answer would stream.
 */
import { RequestError } from "../base/errors.ts";
import { decodeImage } from "./decode.ts";
import type { FromImageWorker, ToImageWorker } from "./image_preparer.ts";
import { prepareImage } from "./tiles.ts";

declare const self: Worker;

self.onmessage = async ({ data: { id, bytes, options } }: MessageEvent<ToImageWorker>) => {
  let answer: FromImageWorker;
  try {
    answer = { id, image: prepareImage(await decodeImage(bytes, options), options) };
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    answer = { id, refusal: { message: error.message, details: error.details } };
  }
  self.postMessage(answer, answer.image ? [answer.image.pixels.buffer as ArrayBuffer] : []);
};
