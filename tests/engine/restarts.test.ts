import { expect, test } from "bun:test";
import { Restarts } from "../../src/engine/restarts.ts";

/** Restarts over a clock that stands still until it is moved. */
function restarts(pausesMs: readonly number[], healthyMs: number) {
  const clock = { now: 1000 };
  return { clock, restarts: new Restarts({ pausesMs, healthyMs }, () => clock.now) };
}

test("Restarts.next() gives the pauses in turn, then none", () => {
  const { restarts: some } = restarts([0, 10, 50], 1000);
  expect([some.next(), some.next(), some.next(), some.next(), some.next()])
    .toEqual([0, 10, 50, undefined, undefined]);
});

test("Restarts.next() begins again after an engine that has served long enough, not before", () => {
  const { clock, restarts: some } = restarts([0, 10], 1000);
  expect(some.next()).toBe(0);
  some.served();
  clock.now += 999;
  expect(some.next()).toBe(10);
  some.served();
  clock.now += 1000;
  expect([some.next(), some.next(), some.next()]).toEqual([0, 10, undefined]);
});

test("Restarts.next() does not count time in which nothing was served", () => {
  const { clock, restarts: some } = restarts([0, 10], 1000);
  some.served();
  expect(some.next()).toBe(0);
  clock.now += 5000; // one attempt that took this long, and failed
  expect([some.next(), some.next()]).toEqual([10, undefined]);
});

test("Restarts without pauses allows no attempt", () => {
  expect(restarts([], 0).restarts.next()).toBeUndefined();
});
