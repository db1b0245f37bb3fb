export interface TilePatchesCase {
  readonly pixels: Uint8Array; // [height, width, 3]
  readonly width: number;
  readonly height: number;
  readonly tileSize: number;
  readonly patchSize: number;
  readonly gridColumns: number;
  readonly tiles: number;
  readonly columns: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly rescale: number;
}

/** Pad, rescale, normalise, cut into tiles, cut into patches, each as a step of its own, in f64. */
export function tilePatches(input: TilePatchesCase): Float64Array {
  const { pixels, width, height, tileSize, patchSize, gridColumns, tiles, columns, mean, std, rescale } =
    input;
  const pixel = (channel: number, y: number, x: number) => {
    const byte = x < width && y < height ? pixels[(y * width + x) * 3 + channel]! : 0;
    return (byte * rescale - mean[channel]!) / std[channel]!;
  };
  const grid = tileSize / patchSize;
  const rows: number[][] = [];
  for (let tile = 0; tile < tiles; tile++) {
    const tileTop = Math.floor(tile / gridColumns) * tileSize;
    const tileLeft = tile % gridColumns * tileSize;
    for (let patchY = 0; patchY < grid; patchY++) {
      for (let patchX = 0; patchX < grid; patchX++) {
        const row: number[] = [];
        for (let channel = 0; channel < 3; channel++) {
          for (let y = 0; y < patchSize; y++) {
            for (let x = 0; x < patchSize; x++) {
              row.push(pixel(channel, tileTop + patchY * patchSize + y, tileLeft + patchX * patchSize + x));
            }
          }
        }
        while (row.length < columns) row.push(0);
        rows.push(row);
      }
    }
  }
  return Float64Array.from(rows.flat());
}
