import { RequestError } from "../base/errors.ts";

/** Longest `data:image/…;base64` that is looked at. */
const maxHeaderLength = 256;

/**
 * Bytes of a `data:` URL that holds a picture: an image media type and base64 without white space or other
 * additions. What the media type says about the format is not believed.
 *
 * @throws {RequestError} Code `invalid_image_url` for anything else, and for more than `maxBytes`.
 */
export function parseDataUrl(url: string, maxBytes: number): Uint8Array {
  const comma = url.slice(0, maxHeaderLength).indexOf(",");
  const header = url.slice(0, Math.max(comma, 0)).toLowerCase();
  if (!header.startsWith("data:image/") || !header.endsWith(";base64")) {
    throw dataUrlError('it must begin with "data:image/png;base64," or the like');
  }
  const base64 = url.slice(comma + 1);
  // Four characters hold three bytes. Looking at the length first spares the decoding.
  if (base64.length > Math.ceil(maxBytes / 3) * 4) {
    throw dataUrlError(`it must hold at most ${maxBytes} bytes`);
  }
  if (/\s/.test(base64)) throw dataUrlError("its base64 must not have white space");
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.fromBase64(base64);
  } catch {
    throw dataUrlError("it must be valid base64");
  }
  if (bytes.length === 0) throw dataUrlError("it must hold a picture, and it is empty");
  return bytes;
}

function dataUrlError(need: string): RequestError {
  return new RequestError(`Cannot read the image from its data URL: ${need}`, {
    code: "invalid_image_url",
    remedy: "Send the picture's file bytes in base64.",
  });
}
