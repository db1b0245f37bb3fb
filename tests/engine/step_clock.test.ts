import { expect, test } from "bun:test";
import type { Step } from "../../src/engine/batch.ts";
import { StepClock } from "../../src/engine/step_clock.ts";
import { schedule, scheduler } from "./scheduling.ts";
import { blankSequence } from "./sequences.ts";

/** A clock that stands still until it is told. */
function stoppedClock() {
  const time = { now: 1000 };
  const subject = scheduler(20, 1, 2, 16);
  subject.add(blankSequence(1, 4, 9));
  const step: Step = schedule(subject);
  return { time, step, clock: new StepClock(subject, () => time.now) };
}

test("StepClock takes a step's time from when the device comes to it, with two of them under way", () => {
  const { time, step, clock } = stoppedClock();
  clock.submitted(step);
  time.now += 1;
  clock.submitted(step);
  for (const ms of [10, 7]) {
    time.now += ms;
    clock.collected();
  }
  expect(clock.stats).toMatchObject({ steps: 2, rows: 8, idleMs: 0 });
  expect(clock.stats.stepMs.sum).toBe(11 + 7);
});

test("StepClock times no step that an image was encoded behind, and counts the image as no idle time", () => {
  const { time, step, clock } = stoppedClock();
  clock.settle(0, 1); // free, with work to do
  time.now += 500;
  clock.imageEncoded(0);
  clock.submitted(step);
  time.now += 500;
  clock.imageEncoded(0); // waits for the step, too
  clock.submitted(step);
  clock.collected();
  time.now += 20;
  clock.collected();
  const { idleMs, steps, stepMs } = clock.stats;
  const timed = stepMs.counts.reduce((sum, count) => sum + count, 0);
  expect([idleMs, steps, timed, stepMs.sum]).toEqual([0, 2, 1, 20]);
});

test("StepClock tells the budget where prompts have come to, and what their rows attended to", () => {
  const subject = scheduler(20, 1, 2, 16);
  subject.add(blankSequence(1, 4, 9));
  const clock = new StepClock(subject, () => 0);
  const observed: number[][] = [];
  subject.budget.observe = (...numbers) => observed.push(numbers);
  clock.submitted(schedule(subject));
  clock.collected();
  expect(subject.budget.position).toBe(4);
  expect(observed).toEqual([[0, 4, 1 + 2 + 3 + 4, 0]]);
});
