/**
 * Steps of similar size share a recording, which has the rows of the largest: exactly up to 4, then in growing steps, so
 * that from 64 rows on no more than an eighth of them are computed for nothing.
 */
function granularity(rows: number): number {
  if (rows <= 4) return 1;
  if (rows <= 16) return 2;
  if (rows <= 128) return 8;
  return rows <= 256 ? 16 : 32;
}

/** Rows that a step of `rows` rows is computed with. */
export function bucketRows(rows: number): number {
  return Math.ceil(rows / granularity(rows)) * granularity(rows);
}

/** The most rows, up to `rows`, that a step can have without rows that only fill its bucket. */
export function wholeBucketRows(rows: number): number {
  return Math.floor(rows / granularity(rows)) * granularity(rows);
}
