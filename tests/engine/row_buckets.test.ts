import { expect, test } from "bun:test";
import { bucketRows, wholeBucketRows } from "../../src/engine/row_buckets.ts";

test("bucketRows() rounds up, by more the more rows there are", () => {
  const sizes = [1, 4, 5, 8, 9, 17, 64, 65, 129, 257];
  expect(sizes.map(bucketRows)).toEqual([1, 4, 6, 8, 10, 24, 64, 72, 144, 288]);
  for (let rows = 64; rows <= 1000; rows++) {
    expect(bucketRows(rows) - rows).toBeLessThan(bucketRows(rows) / 8);
  }
});

test("wholeBucketRows() is the largest bucket that is not larger", () => {
  for (let rows = 1; rows <= 300; rows++) {
    const buckets = Array.from({ length: rows }, (_, i) => i + 1).filter((size) => bucketRows(size) === size);
    expect([rows, wholeBucketRows(rows)]).toEqual([rows, buckets.at(-1)!]);
  }
});
