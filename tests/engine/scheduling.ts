import type { Step } from "../../src/engine/batch.ts";
import { ImageCache } from "../../src/engine/image_cache.ts";
import { PrefixCache } from "../../src/engine/prefix_cache.ts";
import { Scheduler } from "../../src/engine/scheduler.ts";
import type { Sequence } from "../../src/engine/sequence.ts";

export const blockSize = 4;

export function scheduler(
  blocks: number,
  tiles: number,
  maxSequences: number,
  chunkSize: number,
  keep = false,
): Scheduler {
  const limits = { maxSequences, chunkSize };
  return new Scheduler(new PrefixCache(blocks, blockSize, keep), new ImageCache(tiles), limits);
}

/** What the engine does before a step: admits, and encodes what is shown. */
export function schedule(subject: Scheduler, mayPreempt = true): Step {
  subject.admit();
  for (let wanted = subject.wantedImage(); wanted; wanted = subject.wantedImage()) {
    wanted.sequence.cachedImages[wanted.index]!.encoded = true;
  }
  return subject.schedule(mayPreempt);
}

/** What the engine does when a step is done: outputs become tokens, what is complete goes. */
export function land(subject: Scheduler, step: Step): Sequence[] {
  subject.landed(step, false);
  const ended = step.flatMap(({ sequence, output }) =>
    output && !sequence.ended && sequence.append(7) ? [sequence] : []
  );
  for (const sequence of ended) subject.remove(sequence);
  return ended;
}

export function compute(subject: Scheduler, step: Step): Sequence[] {
  subject.launched(step);
  return land(subject, step);
}

/** Runs what is there for so many steps. */
export function runSteps(subject: Scheduler, count: number): void {
  for (let i = 0; i < count; i++) compute(subject, schedule(subject));
}
