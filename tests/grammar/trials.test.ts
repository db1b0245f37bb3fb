import { describe, expect, test } from "bun:test";
import type { Client } from "../../src/base/turns.ts";
import { type TrialLimits, Trials } from "../../src/grammar/trials.ts";

/** Trials that end when the test says so, in the order in which they began. */
class Bench {
  readonly begun: string[] = [];
  /** Those that went on to their end. */
  readonly over: string[] = [];
  readonly trials: Trials;
  /** Settles the trials that have begun. */
  readonly #ends = new Map<string, PromiseWithResolvers<void>>();

  /** @param commits whether trials can be given up no more as soon as they have begun */
  constructor(limits: Partial<TrialLimits> = {}, commits = true) {
    this.trials = new Trials({ trying: 1, waiting: 64, ...limits }, async (constraint, commit) => {
      this.begun.push(constraint);
      const end = Promise.withResolvers<void>();
      this.#ends.set(constraint, end);
      if (commits) commit();
      await end.promise;
      if (!commits) commit();
      this.over.push(constraint);
    });
  }

  /** What became of it: `tried`, or the message of its error. */
  run(constraint: string, client?: Client, signal?: AbortSignal): Promise<string> {
    return this.trials.run(constraint, { client, signal }).then(() => "tried", (error) => error.message);
  }

  async end(constraint: string, error?: Error): Promise<void> {
    if (error) this.#ends.get(constraint)!.reject(error);
    else this.#ends.get(constraint)!.resolve();
    await new Promise((resolve) => setImmediate(resolve)); // whoever is next has begun
  }
}

const by = (caller: string): Client => ({ caller, user: "" });

describe("Trials.run()", () => {
  test("lets clients take turns", async () => {
    const bench = new Bench();
    const runs = [
      ...["a1", "a2", "a3", "a4"].map((name) => bench.run(name, by("a"))),
      bench.run("b1", by("b")),
    ];
    for (const name of ["a1", "a2", "b1", "a3", "a4"]) await bench.end(name);
    expect(await Promise.all(runs)).toEqual(runs.map(() => "tried"));
    expect(bench.begun).toEqual(["a1", "a2", "b1", "a3", "a4"]);
  });

  test("gives a free place to who waited for it, whatever comes at that moment", async () => {
    const bench = new Bench({ waiting: 1 });
    const first = bench.run("first", by("a"));
    const waiting = bench.run("waiting", by("a"));
    // The newcomer stands right behind the end of the first trial.
    const newcomer = first.then(() => bench.run("newcomer", by("a")));
    await bench.end("first");
    expect(bench.begun).toEqual(["first", "waiting"]);
    await bench.end("waiting");
    await bench.end("newcomer");
    expect(await Promise.all([first, waiting, newcomer])).toEqual(["tried", "tried", "tried"]);
  });

  test("goes on with the next where a trial fails, or cannot even begin", async () => {
    const failing = new Trials({ trying: 1, waiting: 8 }, (constraint) => {
      if (constraint === "broken") throw new Error("no thread");
      return constraint === "bad" ? Promise.reject(new Error("bad")) : Promise.resolve();
    });
    const ends = await Promise.allSettled(
      ["good", "broken", "bad", "fine"].map((constraint) => failing.run(constraint, {})),
    );
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
  });

  test("refuses one too many, but not another that wants the same", async () => {
    const bench = new Bench({ waiting: 1 });
    const runs = ["a", "b", "c", "b", "a"].map((name) => bench.run(name));
    expect(await runs[2]).toBe(
      "1 constraints of other requests wait to be compiled, 1 of them by the same client, which is the limit",
    );
    await bench.end("a");
    await bench.end("b");
    expect((await Promise.all(runs)).filter((end) => end === "tried")).toHaveLength(4);
    expect(bench.begun).toEqual(["a", "b"]);
  });

  test("leaves others as many places to wait as one client takes", async () => {
    const bench = new Bench({ waiting: 8 });
    const names = (caller: string) => Array.from({ length: 8 }, (_, i) => `${caller}${i}`);
    const runs = ["a", "b", "c"].flatMap((caller) =>
      names(caller).map((name) => bench.run(name, by(caller)))
    );
    for (const name of ["a0", "a1", "b0", "c0", "a2", "b1", "a3", "a4"]) await bench.end(name);
    expect(bench.begun).toEqual(["a0", "a1", "b0", "c0", "a2", "b1", "a3", "a4"]);
    const ends = await Promise.all(runs);
    expect(ends.filter((end) => end === "tried")).toHaveLength(8);
    expect(ends[5]).toStartWith("4 constraints of other requests wait to be compiled, 4 of them by the same");
    expect(ends[10]).toStartWith(
      "6 constraints of other requests wait to be compiled, 2 of them by the same",
    );
  });

  test("gives up what nobody wants any more, and begins anew for who comes then", async () => {
    const bench = new Bench({}, false);
    const leaving = new AbortController();
    const [first, waiting] = [bench.run("a"), bench.run("b", undefined, leaving.signal)];
    leaving.abort(new Error("gone"));
    const again = bench.run("b");
    expect(await waiting).toBe("gone");
    await bench.end("a");
    await bench.end("b");
    expect(await Promise.all([first, again])).toEqual(["tried", "tried"]);
    expect(bench.begun).toEqual(["a", "b"]);
  });

  test("gives up at the last moment when that is possible", async () => {
    const bench = new Bench({}, false);
    const leaving = new AbortController();
    const left = bench.run("a", undefined, leaving.signal);
    leaving.abort(new Error("gone"));
    expect(await left).toBe("gone");
    const again = bench.run("a");
    expect(bench.begun).toEqual(["a"]);
    await bench.end("a");
    expect([bench.begun, bench.over]).toEqual([["a", "a"], []]);
    await bench.end("a");
    expect(await again).toBe("tried");
    expect(bench.over).toEqual(["a"]);
  });

  test("joins who comes back to a trial that could not be given up", async () => {
    const bench = new Bench({ trying: 2 });
    const leaving = new AbortController();
    const left = bench.run("slow", undefined, leaving.signal);
    leaving.abort(new Error("gone"));
    expect(await left).toBe("gone");
    const again = bench.run("slow");
    await bench.end("slow", new Error("too slow"));
    expect(await again).toBe("too slow");
    expect(bench.begun).toEqual(["slow"]);
  });
});
