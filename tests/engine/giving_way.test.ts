import { describe, expect, test } from "bun:test";
import type { Sequence } from "../../src/engine/sequence.ts";
import { expectInvariants } from "./invariants.ts";
import { land, runSteps, schedule, scheduler } from "./scheduling.ts";
import { blankImage, blankSequence } from "./sequences.ts";

const idsOf = (sequences: readonly Sequence[]) => sequences.map(({ id }) => id);

/** A short prompt of a caller's. */
const from = (caller: string, id: number, maxTokens: number) =>
  blankSequence(id, 4, maxTokens, [], { client: { caller, user: "" } });

/** A caller whose answers are long has all places. */
function taken(places: number, blocks = 40) {
  const subject = scheduler(blocks, 3, places, 16);
  const long = Array.from({ length: places }, (_, i) => from("long", i + 1, 20));
  for (const sequence of long) subject.add(sequence);
  runSteps(subject, 3);
  expect(subject.running).toEqual(long);
  return { subject, long };
}

describe("Scheduler.admit() (O13)", () => {
  test("gives a caller without a place that of another's newest sequence, which comes back and says the same", () => {
    const { subject, long } = taken(3);
    const known = long[2]!.tokens.slice();
    const short = from("short", 9, 2);
    subject.add(short);
    runSteps(subject, 1);
    expect([idsOf(subject.running), subject.preemptions]).toEqual([[1, 2, 9], 1]);
    expect([subject.waiting.count, subject.waiting.requestCount]).toEqual([1, 0]);
    while (!short.ended) runSteps(subject, 1);
    while (long.some(({ ended }) => !ended)) {
      runSteps(subject, 1);
      expectInvariants({ scheduler: subject });
    }
    expect(long[2]!.tokens.slice(0, known.length)).toEqual(known);
    expect([long.map(({ generatedCount }) => generatedCount), subject.preemptions]).toEqual([
      [20, 20, 20],
      1,
    ]);
  });

  test("takes a place from nobody who would have fewer than the other then, nor from the same caller", () => {
    const { subject } = taken(3);
    subject.add(from("long", 7, 2));
    runSteps(subject, 1);
    expect([idsOf(subject.running), subject.preemptions]).toEqual([[1, 2, 3], 0]);
    for (const id of [8, 9]) subject.add(from("short", id, 20));
    runSteps(subject, 5);
    // Two and one: with one and two, the other would have to have a place back.
    expect([idsOf(subject.running), subject.preemptions]).toEqual([[1, 2, 8], 1]);
  });

  test("frees a sequence that gives way only when no step in flight has rows of it", () => {
    const { subject, long } = taken(2);
    const step = schedule(subject, false);
    subject.launched(step);
    subject.add(from("short", 9, 2));
    const next = schedule(subject, false);
    expect([idsOf(next.map(({ sequence }) => sequence)), long[1]!.slot >= 0]).toEqual([[1], true]);
    subject.launched(next);
    land(subject, step);
    expectInvariants({ scheduler: subject });
    expect(idsOf(schedule(subject, false).map(({ sequence }) => sequence))).toEqual([1, 9]);
    expect([long[1]!.slot, long[1]!.givesWay]).toEqual([-1, false]);
    land(subject, next);
  });

  test("frees as many as a long prompt needs, and keeps the others in their order meanwhile", () => {
    const { subject } = taken(4, 12);
    const wide = blankSequence(9, 24, 2, [], { client: { caller: "short", user: "" } }); // six of twelve blocks
    subject.add(wide);
    subject.add(from("long", 10, 2));
    runSteps(subject, 3);
    expect(idsOf(subject.running)).toContain(9);
    while (!wide.ended) runSteps(subject, 1);
    while (subject.running.length + subject.waiting.count > 0) runSteps(subject, 1);
    expect([subject.blocks.heldCount, subject.waiting.tokens]).toEqual([0, 0]);
  });

  test("lets a caller without a place pass another's further choices, of which one gives way", () => {
    const subject = scheduler(40, 3, 2, 16);
    const client = { caller: "many", user: "" };
    const leader = blankSequence(1, 8, 20, [], { client });
    const followers = [1, 2].map((index) => blankSequence(1, 8, 20, [], { client }, { index, leader }));
    subject.add(leader, ...followers);
    runSteps(subject, 2);
    expect(subject.running).toEqual([leader, followers[0]!]);
    const other = from("other", 9, 2);
    subject.add(other);
    runSteps(subject, 1);
    expect(subject.running).toEqual([leader, other]);
    while (subject.running.length > 0) runSteps(subject, 1);
    const all = [leader, ...followers, other];
    expect(all.map(({ generatedCount }) => generatedCount)).toEqual([20, 20, 20, 2]);
  });

  const shows = (caller: string, id: number, tiles: number) =>
    blankSequence(id, 4, 20, [blankImage(`picture ${id}`, tiles)], { client: { caller, user: "" } });

  test("lets others pass a sequence for which only tiles lack, so often as there are slots", () => {
    const subject = scheduler(40, 3, 3, 16);
    const first = shows("c", 1, 1);
    subject.add(first);
    runSteps(subject, 1);
    subject.add(shows("a", 2, 3));
    for (const id of [3, 4, 5, 6, 7]) subject.add(from(`b ${id}`, id, 1));
    runSteps(subject, 6);
    // Three have passed; the others wait until the picture had its turn.
    expect([idsOf(subject.running), subject.waiting.requestCount]).toEqual([[1], 3]);
    subject.remove(first);
    runSteps(subject, 1);
    expect(idsOf(subject.running)).toContain(2);
  });

  test("lets nobody give way in vain, and others pass a caller that holds itself what it lacks", () => {
    const subject = scheduler(40, 3, 4, 16);
    subject.add(shows("a", 1, 3));
    runSteps(subject, 1);
    subject.add(shows("a", 2, 3));
    for (const id of [3, 4, 5, 6]) subject.add(from("b", id, 20));
    runSteps(subject, 3);
    expect([idsOf(subject.running), subject.preemptions]).toEqual([[1, 3, 4, 5], 0]);
  });

  test("admits the further choices of whoever has less, though others have waited longer", () => {
    const subject = scheduler(80, 3, 6, 32);
    const asked = (caller: string, id: number, choices: number) => {
      const client = { caller, user: "" };
      const leader = blankSequence(id, 8, 20, [], { client });
      const more = Array.from(
        { length: choices - 1 },
        (_, index) => blankSequence(id, 8, 20, [], { client }, { index: index + 1, leader }),
      );
      subject.add(leader, ...more);
    };
    asked("many", 1, 16);
    runSteps(subject, 3);
    asked("few", 2, 3);
    runSteps(subject, 6);
    expect(idsOf(subject.running).filter((id) => id === 2).length).toBe(3);
  });
});
