import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Step } from "../../src/engine/batch.ts";
import type { Scheduler } from "../../src/engine/scheduler.ts";
import type { Sequence } from "../../src/engine/sequence.ts";
import { expectInvariants } from "./invariants.ts";
import { blockSize, compute, schedule, scheduler } from "./scheduling.ts";
import { blankImage, blankSequence } from "./sequences.ts";

const blockCount = 12;
const tileCount = 5;

/** A request that can be served: at most all blocks, at most all tiles. */
const request = fc.record({
  length: fc.integer({ min: 1, max: 30 }),
  maxTokens: fc.integer({ min: 1, max: 14 }),
  images: fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 3 }),
});
const action = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), request }),
  fc.record({ kind: fc.constant("step" as const) }),
  fc.record({ kind: fc.constant("abort" as const), pick: fc.nat(20) }),
);
const tiles = { a: 1, b: 2, c: 1, d: 1 };

function checkStep(subject: Scheduler, step: Step): void {
  const { chunkSize, maxSequences } = subject.limits;
  const rows = step.reduce((sum, { begin, end }) => sum + end - begin, 0);
  expect(rows).toBeLessThanOrEqual(chunkSize);
  expect(new Set(step.map(({ sequence }) => sequence)).size).toBe(step.length);
  for (const { sequence, begin, end, output } of step) {
    expect(begin).toBe(sequence.computed);
    expect(end).toBeGreaterThan(begin);
    expect(output).toBe(end === sequence.tokens.length);
    expect(sequence.blocks.length).toBe(Math.ceil(sequence.tokens.length / blockSize));
    expect(subject.running).toContain(sequence);
  }
  expect(subject.running.length).toBeLessThanOrEqual(maxSequences);
  const orders = subject.running.map(({ order }) => order);
  expect(orders).toEqual(orders.toSorted((a, b) => a - b));
  expectInvariants({ scheduler: subject });
  // Every sequence that has one row to compute has it in the step.
  for (const sequence of subject.running) {
    if (sequence.tokens.length - sequence.computed > 1) continue;
    expect(step.some((part) => part.sequence === sequence)).toBe(true);
  }
  if (subject.running.length + subject.waiting.count > 0) expect(step.length).toBeGreaterThan(0);
}

test("Scheduler keeps its promises under any order of requests, steps and aborts", () => {
  const property = fc.property(
    fc.array(action, { maxLength: 70 }),
    fc.integer({ min: 0, max: 9 }),
    fc.integer({ min: 1, max: 4 }),
    fc.boolean(),
    (actions, moreRows, maxSequences, keep) => {
      const subject = scheduler(blockCount, tileCount, maxSequences, maxSequences + moreRows, keep);
      const alive = new Map<number, Sequence>();
      const arrived: number[] = [];
      const admitted: number[] = [];
      const step = () => {
        const parts = schedule(subject);
        checkStep(subject, parts);
        for (const { id } of subject.running) if (!admitted.includes(id)) admitted.push(id);
        for (const sequence of compute(subject, parts)) {
          expect(sequence.generatedCount).toBe(sequence.request.maxTokens);
          alive.delete(sequence.id);
        }
      };
      for (const [id, now] of actions.entries()) {
        if (now.kind === "add") {
          const { length, maxTokens, images: hashes } = now.request;
          const images = hashes.map((hash) => blankImage(hash, tiles[hash]));
          const sequence = blankSequence(id, length, maxTokens, images);
          subject.add(sequence);
          alive.set(id, sequence);
          arrived.push(id);
        } else if (now.kind === "step") {
          step();
        } else {
          const sequence = [...alive.values()][now.pick % alive.size];
          if (sequence === undefined) continue;
          subject.remove(sequence);
          alive.delete(sequence.id);
          if (!admitted.includes(sequence.id)) arrived.splice(arrived.indexOf(sequence.id), 1);
        }
      }
      // Nobody starves: all that is left ends, though preempted ones compute again.
      for (let left = 70 * 50; alive.size > 0; left--) {
        if (left === 0) throw new Error("A sequence does not end");
        step();
      }
      expect(admitted).toEqual(arrived);
      expect([subject.blocks.availableCount, subject.blocks.heldCount]).toEqual([blockCount, 0]);
      expect(subject.images.availableTiles).toBe(tileCount);
    },
  );
  fc.assert(property, { seed: 4, numRuns: 150 });
});
