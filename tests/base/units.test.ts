import { expect, test } from "bun:test";
import { formatBytes, formatCount, formatDuration, formatTokenRate } from "../../src/base/units.ts";

test("formatBytes() is exact below 1000 and has one decimal above", () => {
  expect([0, 999, 1000, 999_949, 999_950, 21_340_441_670, 1e18].map(formatBytes)).toEqual([
    "0 bytes",
    "999 bytes",
    "1.0 kB",
    "999.9 kB",
    "1.0 MB",
    "21.3 GB",
    "1000.0 PB",
  ]);
});

test("formatCount() groups digits by three", () => {
  expect([0, 999, 1000, 21_340_441_670].map(formatCount)).toEqual(["0", "999", "1,000", "21,340,441,670"]);
});

test("formatDuration() keeps three digits and carries into the next unit", () => {
  expect([0, 0.44, 9.94, 10, 999.4, 999.6, 4123, 59_990, 59_999, 187_000].map(formatDuration)).toEqual([
    "0.0 ms",
    "0.4 ms",
    "9.9 ms",
    "10 ms",
    "999 ms",
    "1.00 s",
    "4.12 s",
    "59.99 s",
    "1 min 0 s",
    "3 min 7 s",
  ]);
});

test("formatTokenRate() says nothing when no time passed", () => {
  expect(formatTokenRate(40, 2000)).toBe("20.0 tokens/s");
  expect(formatTokenRate(1, 0)).toBe("-");
});
