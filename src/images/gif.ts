/** Where the first frame of a GIF lies on its canvas. The decoder returns the frame alone. */
export interface GifInfo {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
}

const extension = 0x21, imageDescriptor = 0x2c;

/**
 * Reads a GIF up to the end of its first frame.
 * Source: CompuServe 1989, "Graphics Interchange Format, version 89a".
 *
 * @returns undefined when the file ends before the frame does; the decoder would not notice.
 */
export function readGifInfo(gif: Uint8Array): GifInfo | undefined {
  const word = (at: number) => (gif[at] ?? 0) + (gif[at + 1] ?? 0) * 256;
  let at = 13 + colourTableBytes(gif[10] ?? 0);
  while (gif[at] === extension) {
    const end = skipBlocks(gif, at + 2);
    if (end === undefined) return undefined;
    at = end;
  }
  if (gif[at] !== imageDescriptor || at + 10 > gif.length) return undefined;
  const frame = { left: word(at + 1), top: word(at + 3), width: word(at + 5), height: word(at + 7) };
  const pixels = at + 10 + colourTableBytes(gif[at + 9]!) + 1;
  if (skipBlocks(gif, pixels) === undefined) return undefined;
  return {
    width: Math.max(word(6), frame.left + frame.width),
    height: Math.max(word(8), frame.top + frame.height),
    left: frame.left,
    top: frame.top,
  };
}

/** Bytes of the colour table that a descriptor's flags announce. */
function colourTableBytes(flags: number): number {
  return flags & 0x80 ? 3 << ((flags & 7) + 1) : 0;
}

/** End of a chain of data blocks: each begins with its length, the last is empty. */
function skipBlocks(gif: Uint8Array, at: number): number | undefined {
  while (at < gif.length) {
    const length = gif[at]!;
    if (length === 0) return at + 1;
    at += 1 + length;
  }
  return undefined;
}
