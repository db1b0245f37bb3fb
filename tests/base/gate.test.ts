import { describe, expect, test } from "bun:test";
import { Gate } from "../../src/base/gate.ts";
import type { Client } from "../../src/base/turns.ts";

const by = (caller: string, user = ""): Client => ({ caller, user });

describe("O13 clients take turns", () => {
  test("at a gate: callers, then the users of one", async () => {
    const gate = new Gate(1);
    const order: string[] = [];
    const run = (name: string, client: Client) =>
      gate.run(() => Promise.resolve(void order.push(name)), { client });
    await Promise.all([
      run("first", by("a")),
      ...[1, 2, 3].map((i) => run(`a${i}`, by("a", "x"))),
      run("ay", by("a", "y")),
      run("b", by("b")),
    ]);
    expect(order).toEqual(["first", "a1", "b", "ay", "a2", "a3"]);
  });

  test("and who gives up leaves the others' turns as they are", async () => {
    const gate = new Gate(1);
    const order: string[] = [];
    const leaving = new AbortController();
    const run = (name: string, client: Client, signal?: AbortSignal) =>
      gate.run(() => Promise.resolve(void order.push(name)), { client, signal });
    const left = [
      run("first", by("a")),
      run("gone", by("b"), leaving.signal),
      run("b", by("b")),
      run("a", by("a")),
    ];
    leaving.abort(new Error("gone"));
    const ends = await Promise.allSettled(left);
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
    expect(order).toEqual(["first", "b", "a"]);
  });
});

test("Gate.run() gives a large task its turn, and lets nobody overtake it (I17)", async () => {
  const gate = new Gate(4);
  const order: string[] = [];
  let taken = 0, most = 0;
  const run = (name: string, units: number, signal?: AbortSignal) =>
    gate.run(async () => {
      order.push(name);
      most = Math.max(most, taken += Math.min(units, 4));
      await Bun.sleep(1);
      taken -= Math.min(units, 4);
    }, { units, signal });
  const leaving = new AbortController();
  const tasks = [
    run("a", 2),
    run("b", 1),
    run("left", 4, leaving.signal).catch((error) => error.message),
    run("whole", 9),
    run("c", 1),
    run("d", 1),
  ];
  leaving.abort(new Error("gone"));
  expect((await Promise.all(tasks))[2]).toBe("gone");
  expect(order).toEqual(["a", "b", "whole", "c", "d"]);
  expect(most).toBe(4);
});

test("Gate.run() runs a few tasks at a time, in order, and goes on after a failure (I17)", async () => {
  const gate = new Gate(2);
  let running = 0, most = 0;
  const order: number[] = [];
  const tasks = Array.from({ length: 6 }, (_, i) =>
    gate.run(async () => {
      most = Math.max(most, ++running);
      order.push(i);
      await Bun.sleep(1);
      running--;
      if (i === 1) throw new Error("one fails");
    }));
  const results = await Promise.allSettled(tasks);
  expect(results.map(({ status }) => status === "fulfilled")).toEqual([true, false, true, true, true, true]);
  expect([most, ...order]).toEqual([2, 0, 1, 2, 3, 4, 5]);
});

describe("a gate that is shared", () => {
  /** Which tasks run, and how they are ended. */
  function busy(gate: Gate) {
    const running = new Map<string, () => void>();
    const run = (name: string) =>
      gate.run(() => {
        const { promise, resolve } = Promise.withResolvers<void>();
        running.set(name, resolve);
        return promise;
      }, { client: by(name[0]!) });
    const end = async (name: string) => {
      running.get(name)!();
      running.delete(name);
      await Bun.sleep(0);
    };
    return { running, run, end };
  }

  test("leaves as many places free as one client takes, and passes its turn on", async () => {
    const { running, run, end } = busy(new Gate(8, { sharing: true }));
    for (const caller of ["a", "b", "c"]) for (let i = 0; i < 6; i++) void run(`${caller}${i}`);
    await Bun.sleep(0);
    expect([...running.keys()]).toEqual(["a0", "a1", "a2", "a3", "b0", "b1", "c0"]);
    await end("c0"); // two are free, and whoever took one would have more than it leaves
    expect([...running.keys()]).toEqual(["a0", "a1", "a2", "a3", "b0", "b1", "c1"]);
    for (const name of ["a0", "a1", "a2"]) await end(name);
    expect([...running.keys()]).toEqual(["a3", "b0", "b1", "c1", "c2", "a4"]);
  });

  test("gives nearly all of its places to many who want one", async () => {
    const { running, run } = busy(new Gate(4, { sharing: true }));
    for (const caller of "abcdef") void run(`${caller}0`);
    await Bun.sleep(0);
    expect([...running.keys()]).toEqual(["a0", "b0", "c0"]);
  });
});
