import type { Device } from "../gpu/device.ts";

type ViewLimits = Pick<Device["limits"], "maxStorageBufferRange" | "storageAlignment">;

/**
 * Cuts `rowCount` rows into ranges `[begin, end)` that can be bound as views of their own: no view is larger than
 * the device allows (128 MiB on some; an lm_head has 1 GB), and each begins at the alignment it needs.
 *
 * @param rowBytes Bytes of one row of every tensor that is cut at these rows
 * @throws {RangeError} If not even the smallest aligned range fits a view.
 */
export function rowRanges(
  rowCount: number,
  rowBytes: readonly number[],
  limits: ViewLimits,
): readonly (readonly [begin: number, end: number])[] {
  const widest = Math.max(...rowBytes);
  const fitting = Math.floor(limits.maxStorageBufferRange / widest);
  if (rowCount <= fitting) return [[0, rowCount]];
  // Alignments are powers of two, so the largest of the steps is a multiple of the others.
  const step = Math.max(
    ...rowBytes.map((bytes) => limits.storageAlignment / gcd(limits.storageAlignment, bytes)),
  );
  const height = fitting - fitting % step;
  if (height === 0) {
    throw new RangeError(
      `Rows of ${widest} bytes, ${step} at a time, must fit a view of ${limits.maxStorageBufferRange} bytes`,
    );
  }
  const ranges: [number, number][] = [];
  for (let begin = 0; begin < rowCount; begin += height) {
    ranges.push([begin, Math.min(begin + height, rowCount)]);
  }
  return ranges;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
