/** From text row `row` on, the images `first … end − 1` of the sequence are visible, until the next entry takes over. */
export interface Visibility {
  readonly row: number;
  readonly first: number;
  readonly end: number;
}

/**
 * Which images each row of text sees: those of the nearest image token at or before it, together with the image
 * tokens directly in front of that one. So text between two images sees the first, text behind the second sees
 * the second only, and text behind two adjacent images sees both. Rows before the first image see none.
 * Source: Meta's llama-models, create_vision_mask; mllama-spec §4.7.
 */
export function imageVisibility(tokens: readonly number[], imageToken: number): Visibility[] {
  const entries: Visibility[] = [];
  for (const [row, token] of tokens.entries()) {
    if (token !== imageToken) continue;
    const previous = entries.at(-1);
    const adjacent = previous !== undefined && previous.row === row - 1;
    entries.push({ row, first: adjacent ? previous.first : entries.length, end: entries.length + 1 });
  }
  return entries;
}

/** The images visible to one row, `undefined` if none is. Generated rows see what the last prompt row sees. */
export function visibleAt(entries: readonly Visibility[], row: number): Visibility | undefined {
  // A loop and not `findLast`: this runs for every row of every step, and a closure each time is garbage.
  for (let i = entries.length - 1; i >= 0; i--) if (entries[i]!.row <= row) return entries[i];
  return undefined;
}
