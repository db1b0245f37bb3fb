import { describe, expect, test } from "bun:test";
import { rowRanges } from "../../src/ops/views.ts";

describe("rowRanges()", () => {
  test("gives one range when everything fits a view", () => {
    expect(rowRanges(1000, [64, 128], { maxStorageBufferRange: 128000, storageAlignment: 256 })).toEqual([[
      0,
      1000,
    ]]);
  });

  test("cuts by the widest row, and the last range is what is left", () => {
    const ranges = rowRanges(10, [256, 1024], { maxStorageBufferRange: 4096, storageAlignment: 256 });
    expect(ranges).toEqual([[0, 4], [4, 8], [8, 10]]);
  });

  test("begins every range at the alignment of every tensor", () => {
    // Rows of 520 bytes meet a multiple of 16 at every second row, rows of 36 at every fourth.
    const ranges = rowRanges(100, [520, 36], { maxStorageBufferRange: 4000, storageAlignment: 16 });
    expect(ranges[0]).toEqual([0, 4]);
    for (const [begin] of ranges) expect([begin * 520 % 16, begin * 36 % 16]).toEqual([0, 0]);
    expect(ranges.at(-1)![1]).toBe(100);
  });

  test("refuses rows that do not fit", () => {
    const limits = { maxStorageBufferRange: 1024, storageAlignment: 16 };
    expect(() => rowRanges(2, [1028], limits)).toThrow(
      "Rows of 1028 bytes, 4 at a time, must fit a view of 1024",
    );
  });
});
