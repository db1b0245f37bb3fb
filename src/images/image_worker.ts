/**
 * Decodes and resizes pictures beside the main thread: a photograph of 12 million pixels keeps a thread busy for a
 * good tenth of a second, in which no answer would stream.
 */
import { RequestError } from "../base/errors.ts";
import { decodeImage } from "./decode.ts";
import type { FromImageWorker, ToImageWorker } from "./image_preparer.ts";
import { prepareImage } from "./tiles.ts";

declare const self: Worker;

/** Of the pictures in hand. */
const controllers = new Map<number, AbortController>();

self.onmessage = async ({ data }: MessageEvent<ToImageWorker>) => {
  const { id } = data;
  if ("abort" in data) return controllers.get(id)?.abort();
  const controller = new AbortController();
  controllers.set(id, controller);
  const { signal } = controller;
  let answer: FromImageWorker;
  try {
    const image = await decodeImage(data.bytes, { ...data.options, signal });
    if (signal.aborted) return;
    answer = { id, image: prepareImage(image, data.options) };
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof RequestError)) throw error;
    answer = { id, refusal: { message: error.message, details: error.details } };
  } finally {
    controllers.delete(id);
  }
  self.postMessage(answer, answer.image ? [answer.image.pixels.buffer as ArrayBuffer] : []);
};
