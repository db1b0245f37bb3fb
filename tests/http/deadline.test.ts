import { expect, test } from "bun:test";
import { Deadline } from "../../src/http/deadline.ts";

/** What rings, in order, until something rings that ends the test. */
async function rings(play: (deadline: Deadline, ring: (name: string) => () => void) => void) {
  const rung: string[] = [];
  const deadline = new Deadline();
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  play(deadline, (name) => () => {
    rung.push(name);
    resolve();
  });
  await ended;
  deadline.end();
  return rung;
}

test("Deadline.set() rings once, no earlier than it should", async () => {
  const begin = performance.now();
  expect(await rings((deadline, ring) => deadline.set(50, ring("late")))).toEqual(["late"]);
  expect(performance.now() - begin).toBeGreaterThan(48);
});

test("Deadline.set() takes the place of what was set before, sooner or later", async () => {
  const sooner = await rings((deadline, ring) => {
    deadline.set(60_000, ring("hour"));
    deadline.set(20, ring("soon"));
  });
  const begin = performance.now();
  const later = await rings((deadline, ring) => {
    deadline.set(20, ring("soon"));
    deadline.set(80, ring("late"));
  });
  expect([sooner, later]).toEqual([["soon"], ["late"]]);
  expect(performance.now() - begin).toBeGreaterThan(78);
});

test("Deadline.set() can be used again by what rings", async () => {
  const twice = await new Promise<number>((resolve) => {
    const deadline = new Deadline();
    deadline.set(5, () => deadline.set(5, () => resolve(2)));
  });
  expect(twice).toBe(2);
});

test("Deadline.end() rings nothing, also when it is set again", async () => {
  let rung = 0;
  const deadline = new Deadline();
  deadline.set(10, () => rung++);
  deadline.end();
  deadline.set(10, () => rung++);
  await Bun.sleep(60);
  expect(rung).toBe(0);
});
