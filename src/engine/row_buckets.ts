/** Steps of similar size share a recording, which has the rows of the largest: exactly up to 4, then by 8, then by 32. */
function granularity(rows: number): number {
  if (rows <= 4) return 1;
  return rows <= 64 ? 8 : 32;
}

/** Rows that a step of `rows` rows is computed with. */
export function bucketRows(rows: number): number {
  return Math.ceil(rows / granularity(rows)) * granularity(rows);
}

/** The most rows, up to `rows`, that a step can have without rows that only fill its bucket. */
export function wholeBucketRows(rows: number): number {
  if (rows < 8) return Math.min(rows, 4);
  return Math.floor(rows / granularity(rows)) * granularity(rows);
}
