/** An arrangement of tiles. `id` is the row of the aspect-ratio tables, from 1; 0 stands for no image. */
export interface Arrangement {
  readonly id: number;
  readonly rows: number;
  readonly columns: number;
}

/**
 * Arrangements of at most `maxTiles` tiles, in the order of their ids: rows outside, columns inside.
 * Source: `get_all_supported_aspect_ratios` of Hugging Face's Mllama image processor, whose code takes the first
 * number as the height, against its own comment.
 */
export function supportedArrangements(maxTiles: number): Arrangement[] {
  const arrangements: Arrangement[] = [];
  for (let rows = 1; rows <= maxTiles; rows++) {
    for (let columns = 1; rows * columns <= maxTiles; columns++) {
      arrangements.push({ id: arrangements.length + 1, rows, columns });
    }
  }
  return arrangements;
}

/**
 * The canvas for a picture, out of some arrangements: of those that need no shrinking the one with the least
 * enlargement, else the one with the least shrinking; of equals the smallest.
 */
export function chooseArrangement(
  width: number,
  height: number,
  tileSize: number,
  arrangements: readonly Arrangement[],
): Arrangement {
  const candidates = arrangements.map((arrangement) => ({
    arrangement,
    scale: Math.min(arrangement.rows * tileSize / height, arrangement.columns * tileSize / width),
  }));
  const scales = candidates.map(({ scale }) => scale);
  const enlarging = scales.filter((scale) => scale >= 1);
  const scale = enlarging.length > 0 ? Math.min(...enlarging) : Math.max(...scales);
  return candidates.filter((candidate) => candidate.scale === scale)
    .map(({ arrangement }) => arrangement)
    .reduce((best, other) => other.rows * other.columns < best.rows * best.columns ? other : best);
}

/**
 * Size of a picture on its canvas: enlarged until one side fills a tile, shrunk until it fits, shape kept.
 * Source: `get_image_size_fit_to_canvas` of the same processor.
 */
export function fitToCanvas(
  width: number,
  height: number,
  { rows, columns }: Arrangement,
  tileSize: number,
): { width: number; height: number } {
  const targetWidth = Math.min(Math.max(width, tileSize), columns * tileSize);
  const targetHeight = Math.min(Math.max(height, tileSize), rows * tileSize);
  const scaleX = targetWidth / width;
  const scaleY = targetHeight / height;
  // A very flat picture keeps one row.
  if (scaleX < scaleY) {
    return { width: targetWidth, height: Math.min(Math.max(Math.floor(height * scaleX), 1), targetHeight) };
  }
  return { width: Math.min(Math.max(Math.floor(width * scaleY), 1), targetWidth), height: targetHeight };
}
