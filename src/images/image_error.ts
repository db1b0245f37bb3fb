import { RequestError } from "../base/errors.ts";

/**
 * Why a picture cannot be used. The texts are fixed: what a codec says about hostile bytes is not repeated to
 * whoever sent them.
 */
const reasons = {
  format: ["the file must be a PNG, JPEG, WebP, GIF or BMP picture", "Convert the picture to PNG or JPEG."],
  damaged: ["the file must be complete and undamaged", "Save the picture again and send it once more."],
  tooLong: [
    "no side of the picture may be longer than 65,535 pixels",
    "Send a part of it, or a smaller picture.",
  ],
  tooLarge: ["the picture has more pixels than this server takes", "Send a smaller picture."],
} as const;

/** The refusal of a picture that a caller sent; code `invalid_image`. */
export function imageError(reason: keyof typeof reasons): RequestError {
  const [need, remedy] = reasons[reason];
  return new RequestError(`Cannot use the image: ${need}`, { code: "invalid_image", remedy });
}
