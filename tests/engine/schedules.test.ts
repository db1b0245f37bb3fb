import { afterAll, describe, expect, test } from "bun:test";
import { CheckpointSchedules } from "./checkpoint_schedules.ts";
import { scheduleCheckpoints } from "./schedule_checkpoints.ts";
import { runSimSchedule } from "./sim_schedules.ts";

/**
 * Requests that arrive, share and are given up at random, on engines of all sizes: every sequence says what it says
 * alone. `LLAMAV_SCHEDULES=200 bun test tests/engine/schedules.test.ts` runs that many on each small checkpoint, fewer
 * on the others, and ten times as many simulated ones.
 */
const wanted = Number(process.env.LLAMAV_SCHEDULES ?? 8);
const simulated = Math.max(600, 10 * wanted);

describe("a sequence says in any schedule what it says alone", () => {
  test(`${simulated} simulated schedules`, () => {
    let preemptions = 0;
    let cachedTokens = 0;
    for (let seed = 0; seed < simulated; seed++) {
      const result = runSimSchedule(seed);
      preemptions += result.preemptions;
      cachedTokens += result.cachedTokens;
    }
    // The schedules are no proof of what they never do.
    expect(preemptions).toBeGreaterThan(simulated / 4);
    expect(cachedTokens).toBeGreaterThan(10 * simulated);
  }, 600_000);

  let preemptions = 0;
  for (const checkpoint of scheduleCheckpoints()) {
    const count = Math.floor(wanted * checkpoint.share);
    if (count === 0) continue;
    let schedules: CheckpointSchedules | undefined;
    afterAll(() => schedules?.dispose());
    test(`${count} schedules of ${checkpoint.name}`, async () => {
      schedules = await CheckpointSchedules.open(checkpoint);
      for (let seed = 0; seed < count; seed++) schedules.run(seed);
      preemptions += schedules.preemptions;
      if (count >= 3) expect(schedules.largestBatch).toBeGreaterThan(16);
    }, 3_600_000);
  }

  test("and some were preempted for it", () => expect(preemptions).toBeGreaterThan(0));
});
