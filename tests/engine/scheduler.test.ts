import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/base/assert.ts";
import type { Step } from "../../src/engine/batch.ts";
import type { Sequence } from "../../src/engine/sequence.ts";
import { expectInvariants } from "./invariants.ts";
import { blockSize, compute, land, runSteps, schedule, scheduler } from "./scheduling.ts";
import { blankImage, blankSequence } from "./sequences.ts";

const idsOf = (sequences: readonly Sequence[]) => sequences.map(({ id }) => id);
const rowsOf = (step: Step) => step.map(({ sequence, begin, end }) => [sequence.id, begin, end]);

describe("Scheduler.schedule()", () => {
  test("has nothing to do when nothing was added", () => {
    expect(schedule(scheduler(4, 1, 2, 8))).toEqual([]);
  });

  test("cuts a prompt into chunks and asks for a token behind the last", () => {
    const subject = scheduler(8, 1, 1, 8);
    subject.add(blankSequence(1, 18, 2));
    const steps: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      const step = schedule(subject);
      steps.push(step.map(({ begin, end, output }) => [begin, end, output]));
      compute(subject, step);
    }
    expect(steps).toEqual([[[0, 8, false]], [[8, 16, false]], [[16, 18, true]], [[18, 19, true]]]);
    expect(schedule(subject)).toEqual([]);
  });

  test("serves decoding sequences first, and then as many prefill rows as the budget has", () => {
    const subject = scheduler(20, 1, 3, 16);
    subject.add(blankSequence(1, 2, 9));
    runSteps(subject, 1);
    subject.add(blankSequence(2, 20, 9));
    subject.add(blankSequence(3, 20, 9));
    const rows = subject.budget.rows(1);
    expect([rows > 0, rows < 15]).toEqual([true, true]);
    expect(rowsOf(schedule(subject))).toEqual([[1, 2, 3], [2, 0, rows]]);
  });

  test("spares a sequence that waits for a mask and for this step the long chunks", () => {
    const subject = scheduler(40, 1, 2, 64);
    const constrained = blankSequence(1, 2, 9, [], { constraint: true });
    subject.add(constrained);
    constrained.mask = null;
    subject.launched(schedule(subject));
    subject.add(blankSequence(2, 60, 9));
    const [part] = rowsOf(schedule(subject));
    expect(part).toEqual([2, 0, subject.budget.rows(0, 1)]);
    expect(part![2]).toBeLessThan(60);
  });

  test("admits in the order of arrival, even when a later sequence would fit sooner", () => {
    const subject = scheduler(4, 1, 3, 16);
    const first = blankSequence(1, 9, 4); // three of four blocks
    subject.add(first);
    subject.add(blankSequence(2, 8, 4)); // two
    subject.add(blankSequence(3, 1, 1)); // one
    schedule(subject);
    expect(idsOf(subject.running)).toEqual([1]);
    subject.remove(first);
    schedule(subject);
    expect(idsOf(subject.running)).toEqual([2, 3]);
  });

  test("lets clients take turns", () => {
    const subject = scheduler(40, 1, 1, 16);
    for (const [id, caller] of [[1, "a"], [2, "a"], [3, "a"], [4, "b"], [5, "c"], [6, "b"]] as const) {
      subject.add(blankSequence(id, 2, 1, [], { client: { caller, user: "" } }));
    }
    const order: number[] = [];
    while (subject.waiting.count > 0) order.push(...idsOf(compute(subject, schedule(subject))));
    expect(order).toEqual([1, 4, 5, 2, 6, 3]);
  });

  test("waits for tiles that other sequences hold", () => {
    const subject = scheduler(20, 3, 2, 16);
    const first = blankSequence(1, 3, 3, [blankImage("a", 2)]);
    subject.add(first);
    subject.add(blankSequence(2, 3, 3, [blankImage("b", 2)]));
    schedule(subject);
    expect(idsOf(subject.running)).toEqual([1]);
    subject.remove(first);
    schedule(subject);
    expect(idsOf(subject.running)).toEqual([2]);
  });

  test("leaves out a sequence until its images are encoded, and the others go on", () => {
    const subject = scheduler(20, 3, 2, 16);
    subject.add(blankSequence(1, 3, 3, [blankImage("a", 2), blankImage("b")]));
    subject.add(blankSequence(2, 3, 3));
    subject.admit();
    expect(idsOf(subject.schedule().map(({ sequence }) => sequence))).toEqual([2]);
    for (const index of [0, 1]) {
      const wanted = subject.wantedImage()!;
      expect([wanted.sequence.id, wanted.index]).toEqual([1, index]);
      wanted.sequence.cachedImages[index]!.encoded = true;
    }
    expect(subject.wantedImage()).toBeUndefined();
    expect(idsOf(subject.schedule().map(({ sequence }) => sequence))).toEqual([1, 2]);
  });

  test("counts as hits the images that were encoded before", () => {
    const subject = scheduler(20, 4, 1, 16);
    for (const id of [1, 2]) {
      const sequence = blankSequence(id, 3, 1, [blankImage("a", 2), blankImage(`own ${id}`)]);
      subject.add(sequence);
      runSteps(subject, 1);
      expect(sequence.imageHits).toBe(id - 1);
    }
    expect([subject.images.hits, subject.images.misses]).toEqual([1, 3]);
  });

  test("holds the last row of a constrained sequence back until its mask is there", () => {
    const subject = scheduler(20, 1, 1, 16);
    const sequence = blankSequence(1, 6, 3, [], { constraint: true });
    subject.add(sequence);
    expect(rowsOf(schedule(subject))).toEqual([[1, 0, 5]]);
    compute(subject, subject.schedule());
    expect(schedule(subject)).toEqual([]);
    sequence.mask = Uint32Array.of(5);
    const [part] = schedule(subject);
    expect([part!.begin, part!.output, part!.mask]).toEqual([5, true, Uint32Array.of(5)]);
    compute(subject, subject.schedule());
    expect(schedule(subject)).toEqual([]);
    sequence.mask = null;
    expect(schedule(subject)[0]!.mask).toBeUndefined();
  });

  test("takes the token of a step in flight for known, up to the sequence's last", () => {
    const subject = scheduler(20, 1, 1, 16);
    const sequence = blankSequence(1, 3, 3);
    subject.add(sequence);
    const flights: Step[] = [];
    for (const rows of [[[1, 0, 3]], [[1, 3, 4]], [[1, 4, 5]], []]) {
      const step = schedule(subject, false);
      expect(rowsOf(step)).toEqual(rows);
      if (step.length > 0) {
        subject.launched(step);
        flights.push(step);
      }
      if (flights.length === 2) land(subject, flights.shift()!);
    }
    expect(idsOf(land(subject, flights.shift()!))).toEqual([1]);
    expect([sequence.generatedCount, subject.blocks.heldCount]).toEqual([3, 0]);
  });
});

describe("Scheduler, when the blocks run out,", () => {
  /** Two sequences of a block and a half, in four blocks, that want to become five blocks together. */
  function crowded(keep: boolean) {
    const subject = scheduler(4, 2, 2, 16, keep);
    const old = blankSequence(1, 4, 8);
    const young = blankSequence(2, 5, 6, [blankImage("a")]);
    subject.add(old);
    subject.add(young);
    runSteps(subject, 1);
    return { subject, old, young };
  }

  test("preempts the youngest sequence, which comes back and says the same", () => {
    const { subject, old, young } = crowded(false);
    while (subject.preemptions === 0) runSteps(subject, 1);
    expect([young.slot, young.blocks.length, young.cachedImages.length]).toEqual([-1, 0, 0]);
    expect([old.slot >= 0, subject.waiting.preempted]).toEqual([true, [young]]);
    const known = young.tokens.slice();
    subject.add(blankSequence(3, 1, 1)); // it has to wait for the preempted one
    while (!young.ended) runSteps(subject, 1);
    expect([old.ended, young.tokens.slice(0, known.length)]).toEqual([true, known]);
    expect([old.generatedCount, young.generatedCount]).toEqual([8, 6]);
    runSteps(subject, 2);
    expect([subject.blocks.heldCount, subject.images.availableTiles]).toEqual([0, 2]);
  });

  test("finds what the preempted one had computed, as long as nobody took its memory", () => {
    const { subject, young } = crowded(true);
    while (subject.preemptions === 0) runSteps(subject, 1);
    while (young.slot < 0) {
      if (subject.running.length === 0) throw new Error("Nothing runs");
      compute(subject, schedule(subject));
      subject.admit();
    }
    expect([young.computed, young.cachedTokens]).toEqual([blockSize, 0]);
  });

  test("does not preempt while a step is in flight", () => {
    const { subject } = crowded(false);
    const flights: Step[] = [];
    let denied = 0;
    for (let i = 0; i < 20 && subject.preemptions === 0; i++) {
      const step = schedule(subject, flights.length === 0);
      if (step.length > 0) {
        subject.launched(step);
        flights.push(step);
      } else if (flights.length === 1) denied++;
      if (flights.length === 2 || step.length === 0) land(subject, flights.shift()!);
    }
    expect([subject.preemptions, denied > 0]).toEqual([1, true]);
  });
});

describe("Scheduler.add() of several choices", () => {
  test("lets the first one compute what they share, and the others follow", () => {
    const subject = scheduler(20, 1, 4, 4);
    const leader = blankSequence(1, 10, 3);
    const others = [1, 2].map((index) => blankSequence(1, 10, 3, [], {}, { index, leader }));
    subject.add(leader, ...others);
    subject.add(blankSequence(2, 1, 9));
    const step = schedule(subject);
    expect(rowsOf(step)).toEqual([[2, 0, 1], [1, 0, 3]]);
    while (others[0]!.slot < 0) runSteps(subject, 1);
    expect(leader.computed).toBeGreaterThanOrEqual(8);
    expect(others.map(({ cachedTokens }) => cachedTokens)).toEqual([8, 8]);
    expect(others[1]!.blocks.slice(0, 2)).toEqual(leader.blocks.slice(0, 2));
    expect(subject.blocks.holders(leader.blocks[0]!)).toBe(3);
    expect(new Set([leader, ...others].map(({ blocks }) => blocks[2])).size).toBe(3);
  });

  test("admits none of them before it is the request's turn", () => {
    const subject = scheduler(20, 1, 1, 8);
    const running = blankSequence(1, 1, 3);
    subject.add(running);
    schedule(subject);
    const leader = blankSequence(2, 1, 3); // nothing to share
    const follower = blankSequence(2, 1, 3, [], {}, { index: 1, leader });
    subject.add(leader, follower);
    subject.remove(running);
    schedule(subject);
    expect(subject.running).toEqual([leader]);
  });

  test("lets the others begin when the first one ended before its turn", () => {
    const subject = scheduler(20, 1, 4, 8);
    const leader = blankSequence(1, 10, 3);
    const other = blankSequence(1, 10, 3, [], {}, { index: 1, leader });
    subject.add(leader, other);
    subject.remove(leader);
    schedule(subject);
    expect(subject.running).toEqual([other]);
  });

  test("lets the others go on when the first one is gone", () => {
    const subject = scheduler(20, 1, 4, 8);
    const leader = blankSequence(1, 10, 3);
    const other = blankSequence(1, 10, 3, [], {}, { index: 1, leader });
    subject.add(leader, other);
    schedule(subject);
    subject.remove(leader);
    while (!other.ended) runSteps(subject, 1);
    expect([other.generatedCount, subject.blocks.heldCount]).toEqual([3, 0]);
  });
});

describe("Scheduler.remove()", () => {
  test("frees everything, whether the sequence waits, prefills or decodes", () => {
    for (const stepCount of [0, 1, 3]) {
      const subject = scheduler(10, 2, 1, 4);
      const sequence = blankSequence(1, 7, 9, [blankImage("a", 2)]);
      subject.add(sequence);
      runSteps(subject, stepCount);
      subject.remove(sequence);
      expect([subject.blocks.freeCount, subject.images.availableTiles]).toEqual([10, 2]);
      expect([subject.running.length, subject.waiting.count]).toEqual([0, 0]);
    }
  });

  test("keeps what a step in flight uses until that is done", () => {
    const subject = scheduler(10, 2, 1, 4);
    const sequence = blankSequence(1, 7, 9, [blankImage("a", 2)]);
    subject.add(sequence);
    const step = schedule(subject);
    subject.launched(step);
    subject.remove(sequence);
    expect([subject.running.length, subject.blocks.heldCount, subject.images.availableTiles]).toEqual([
      0,
      2,
      0,
    ]);
    expectInvariants({ scheduler: subject });
    land(subject, step);
    expect([subject.draining.length, subject.blocks.heldCount, subject.images.availableTiles]).toEqual([
      0,
      0,
      2,
    ]);
  });

  test("lets nobody find what a sequence computed behind a step that failed", () => {
    const subject = scheduler(10, 2, 1, 4, true);
    const sequence = blankSequence(1, 3, 9);
    subject.add(sequence);
    const [failed, next] = [schedule(subject), []] as [Step, Step[number][]];
    subject.launched(failed);
    next.push(...schedule(subject)); // the row of the token that the failed step was to give
    subject.launched(next);
    expect(rowsOf(next)).toEqual([[1, 3, 4]]);
    subject.landed(failed, true);
    subject.remove(sequence);
    land(subject, next);
    expect([subject.blocks.freeCount, subject.blocks.cachedCount]).toEqual([10, 0]);
  });

  test("finds nothing the second time", () => {
    const subject = scheduler(10, 2, 1, 4);
    const sequence = blankSequence(1, 7, 9);
    subject.add(sequence);
    schedule(subject);
    subject.remove(sequence);
    subject.remove(sequence);
    expect(subject.blocks.freeCount).toBe(10);
  });
});

test("Scheduler stops at a further choice that follows nobody", () => {
  const subject = scheduler(10, 1, 2, 8);
  subject.add(blankSequence(1, 3, 1), blankSequence(1, 3, 1));
  expect(() => subject.admit()).toThrow(AssertionError);
});
