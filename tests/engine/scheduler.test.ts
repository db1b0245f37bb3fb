import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BlockPool } from "../../src/engine/block_pool.ts";
import { ImageCache } from "../../src/engine/image_cache.ts";
import { Scheduler } from "../../src/engine/scheduler.ts";
import type { Step } from "../../src/engine/batch.ts";
import type { Sequence } from "../../src/engine/sequence.ts";
import { blankImage, blankSequence } from "./sequences.ts";

const blockSize = 4;

function scheduler(blocks: number, tiles: number, maxSequences: number, chunkSize: number): Scheduler {
  return new Scheduler(new BlockPool(blocks, blockSize), new ImageCache(tiles), { maxSequences, chunkSize });
}

/** Does what the engine does with a step: every row is computed, outputs become tokens, what is complete goes. */
function compute(scheduler: Scheduler, step: Step): number[] {
  const ended: number[] = [];
  for (const { sequence, end, output } of step) {
    for (const image of sequence.cachedImages) image.encoded = true;
    sequence.computed = end;
    if (output && sequence.append(7)) ended.push(scheduler.remove(sequence.id)!.id);
  }
  return ended;
}

const rowsOf = (step: Step) => step.map(({ sequence, begin, end }) => [sequence.id, begin, end]);

describe("Scheduler.schedule()", () => {
  test("has nothing to do when nothing was added", () => {
    expect(scheduler(4, 1, 2, 8).schedule()).toEqual([]);
  });

  test("cuts a prompt into chunks and asks for a token behind the last", () => {
    const subject = scheduler(8, 1, 1, 8);
    subject.add(blankSequence(1, 18, 2));
    const steps: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      const step = subject.schedule();
      steps.push(step.map(({ begin, end, output }) => [begin, end, output]));
      compute(subject, step);
    }
    expect(steps).toEqual([[[0, 8, false]], [[8, 16, false]], [[16, 18, true]], [[18, 19, true]]]);
    expect(subject.schedule()).toEqual([]);
  });

  test("serves decoding sequences first and fills the rest of the step with prefill", () => {
    const subject = scheduler(20, 1, 3, 6);
    subject.add(blankSequence(1, 2, 9));
    compute(subject, subject.schedule());
    subject.add(blankSequence(2, 20, 9));
    expect(rowsOf(subject.schedule())).toEqual([[1, 2, 3], [2, 0, 5]]);
  });

  test("admits in the order of arrival, even when a later sequence would fit sooner", () => {
    const subject = scheduler(4, 1, 3, 16);
    subject.add(blankSequence(1, 4, 4)); // two of four blocks
    subject.add(blankSequence(2, 8, 4)); // three
    subject.add(blankSequence(3, 1, 1)); // one
    subject.schedule();
    expect(subject.running.map(({ id }) => id)).toEqual([1]);
    subject.remove(1);
    subject.schedule();
    expect(subject.running.map(({ id }) => id)).toEqual([2, 3]);
  });

  test("admits a sequence only when all the blocks it may ever need are unpromised", () => {
    const subject = scheduler(4, 1, 2, 16);
    subject.add(blankSequence(1, 1, 11)); // three blocks in the end, one now
    subject.add(blankSequence(2, 1, 7)); // two
    subject.schedule();
    expect(subject.blocks.freeCount).toBe(3);
    expect(subject.running.map(({ id }) => id)).toEqual([1]);
  });

  test("waits for tiles that other sequences hold", () => {
    const subject = scheduler(20, 3, 2, 16);
    subject.add(blankSequence(1, 3, 3, [blankImage("a", 2)]));
    subject.add(blankSequence(2, 3, 3, [blankImage("b", 2)]));
    subject.schedule();
    expect(subject.running.map(({ id }) => id)).toEqual([1]);
    subject.remove(1);
    subject.schedule();
    expect(subject.running.map(({ id }) => id)).toEqual([2]);
  });

  test("counts as hits the images that were encoded before", () => {
    const subject = scheduler(20, 4, 1, 16);
    for (const id of [1, 2]) {
      const sequence = blankSequence(id, 3, 1, [blankImage("a", 2), blankImage(`own ${id}`)]);
      subject.add(sequence);
      compute(subject, subject.schedule());
      expect(sequence.imageHits).toBe(id - 1);
    }
  });
});

describe("Scheduler.remove()", () => {
  test("frees everything, whether the sequence waits, prefills or decodes", () => {
    for (const stepCount of [0, 1, 3]) {
      const subject = scheduler(10, 2, 1, 4);
      subject.add(blankSequence(1, 7, 9, [blankImage("a", 2)]));
      for (let i = 0; i < stepCount; i++) compute(subject, subject.schedule());
      expect(subject.remove(1)?.id).toBe(1);
      expect([subject.blocks.freeCount, subject.images.availableTiles]).toEqual([10, 2]);
      expect([subject.running.length, subject.waitingCount]).toEqual([0, 0]);
    }
  });

  test("finds nothing the second time", () => {
    const subject = scheduler(10, 2, 1, 4);
    subject.add(blankSequence(1, 7, 9));
    subject.schedule();
    subject.remove(1);
    expect(subject.remove(1)).toBeUndefined();
    expect(subject.blocks.freeCount).toBe(10);
  });
});

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

function checkStep(subject: Scheduler, step: Step, chunkSize: number, maxSequences: number): void {
  const rows = step.reduce((sum, { begin, end }) => sum + end - begin, 0);
  expect(rows).toBeLessThanOrEqual(chunkSize);
  expect(new Set(step.map(({ sequence }) => sequence)).size).toBe(step.length);
  for (const { sequence, begin, end, output } of step) {
    expect(begin).toBe(sequence.computed);
    expect(end).toBeGreaterThan(begin);
    expect(output).toBe(end === sequence.tokens.length);
    expect(sequence.blocks.length).toBe(Math.ceil(end / blockSize));
    expect(subject.running).toContain(sequence);
  }
  expect(subject.running.length).toBeLessThanOrEqual(maxSequences);
  const held = subject.running.flatMap(({ blocks }) => blocks);
  expect(new Set(held).size).toBe(held.length);
  expect(subject.blocks.freeCount + held.length).toBe(blockCount);
  const promised = subject.running.reduce((sum, { maxLength }) => sum + Math.ceil(maxLength / blockSize), 0);
  expect(promised).toBeLessThanOrEqual(blockCount);
  if (chunkSize >= maxSequences) {
    for (const sequence of subject.running) {
      if (!sequence.prefilling) expect(step.some((part) => part.sequence === sequence)).toBe(true);
    }
  }
  if (subject.running.length + subject.waitingCount > 0) expect(step.length).toBeGreaterThan(0);
}

test("Scheduler keeps its promises under any order of requests, steps and aborts", () => {
  const property = fc.property(
    fc.array(action, { maxLength: 70 }),
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 1, max: 4 }),
    (actions, chunkSize, maxSequences) => {
      const subject = scheduler(blockCount, tileCount, maxSequences, chunkSize);
      const alive = new Map<number, Sequence>();
      const arrived: number[] = [];
      const admitted: number[] = [];
      const step = () => {
        const parts = subject.schedule();
        checkStep(subject, parts, chunkSize, maxSequences);
        for (const { id } of subject.running) if (!admitted.includes(id)) admitted.push(id);
        for (const id of compute(subject, parts)) {
          expect(alive.get(id)!.generatedCount).toBe(alive.get(id)!.request.maxTokens);
          alive.delete(id);
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
          const id = [...alive.keys()][now.pick % alive.size];
          if (id === undefined) continue;
          subject.remove(id);
          alive.delete(id);
          if (!admitted.includes(id)) arrived.splice(arrived.indexOf(id), 1);
        }
      }
      // Nobody starves: all that is left ends, in as many steps as all tokens need at most.
      for (let left = 70 * 50; alive.size > 0; left--) {
        if (left === 0) throw new Error("A sequence does not end");
        step();
      }
      expect(admitted).toEqual(arrived);
      expect([subject.blocks.freeCount, subject.images.availableTiles]).toEqual([blockCount, tileCount]);
    },
  );
  fc.assert(property, { seed: 4, numRuns: 150 });
});
