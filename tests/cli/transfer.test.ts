import { expect, test } from "bun:test";
import { bar, describeAmount, RateMeter } from "../../src/cli/transfer.ts";

test("RateMeter tells the speed of the last seconds, not of the whole time", () => {
  const meter = new RateMeter();
  expect(meter.describe(100)).toBeUndefined();
  for (let second = 0; second <= 20; second++) meter.add(second * 1e6, second * 1000);
  expect(meter.rate).toBeCloseTo(1e6);
  for (let second = 21; second <= 40; second++) meter.add(20e6 + (second - 20) * 3e6, second * 1000);
  expect(meter.rate).toBeCloseTo(3e6);
});

test("RateMeter does not count what was there before", () => {
  const meter = new RateMeter();
  meter.add(5e9, 0);
  meter.add(5e9 + 1e6, 1000);
  expect(meter.describe(5e9 + 61e6)).toBe("1.0 MB/s, 1 min 0 s left");
});

test.each([
  [10e6, "1.0 MB/s, 9 s left"],
  [2e6 + 5400e6, "1.0 MB/s, 1 h 30 min left"],
  [1e6, "1.0 MB/s"],
])("RateMeter.describe() of %d bytes", (total, text) => {
  const meter = new RateMeter();
  meter.add(0, 0);
  meter.add(1e6, 1000);
  expect(meter.describe(total)).toBe(text);
});

test("RateMeter promises no end where nothing moves", () => {
  const meter = new RateMeter();
  meter.add(7, 0);
  meter.add(7, 1000);
  expect(meter.describe(100)).toBe("0 bytes/s");
});

test("describeAmount() and bar() are full at the end, and not before", () => {
  expect(describeAmount(999_999, 1_000_000)).toBe("99 %, 1.0 MB of 1.0 MB");
  expect([bar(0, 10, 4), bar(9, 10, 4), bar(10, 10, 4), bar(0, 0, 4)]).toEqual([
    "[----]",
    "[###-]",
    "[####]",
    "[####]",
  ]);
});
