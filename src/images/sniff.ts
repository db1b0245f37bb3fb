export type ImageFormat = "png" | "jpeg" | "webp" | "gif" | "bmp";

/**
 * Names a file's format by its first bytes. Names and media types that callers give are not looked at.
 *
 * @returns undefined for every format that is not taken, TIFF, HEIC, AVIF and SVG among them: on some systems
 *   the decoder would hand them to codecs of the operating system.
 */
export function sniffImage(bytes: Uint8Array): ImageFormat | undefined {
  if (startsWith(bytes, 0, "\x89PNG\r\n\x1a\n")) return "png";
  if (startsWith(bytes, 0, "\xff\xd8\xff")) return "jpeg";
  if (startsWith(bytes, 0, "RIFF") && startsWith(bytes, 8, "WEBP")) return "webp";
  if (startsWith(bytes, 0, "GIF87a") || startsWith(bytes, 0, "GIF89a")) return "gif";
  if (startsWith(bytes, 0, "BM")) return "bmp";
  return undefined;
}

/** Whether the bytes at `offset` are these Latin-1 characters. */
export function startsWith(bytes: Uint8Array, offset: number, text: string): boolean {
  if (bytes.length < offset + text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[offset + i] !== text.charCodeAt(i)) return false;
  return true;
}
