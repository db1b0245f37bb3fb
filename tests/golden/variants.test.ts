import { describe, test } from "bun:test";
import { goldenRuns, useGoldenEngines } from "./golden_engine.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { expectNumbers, traceGolden } from "./golden_trace.ts";

useGoldenEngines();
const runs = goldenRuns();

describe("without the de-duplication of missing tiles", () => {
  for (const run of runs.filter(({ golden }) => golden.file.images.length > 0)) {
    test(
      run.label,
      async () => expectNumbers(run, await traceGolden(run, { deduplicate: false })),
      testLimitMs,
    );
  }
});

describe("with the workgroups, the staging and the alignment of a graphics card", () => {
  for (const run of runs.filter(({ golden }) => golden.file.input_ids.length <= 60)) {
    test(run.label, async () => expectNumbers(run, await traceGolden(run, { discrete: true })), testLimitMs);
  }
});

/** Longest prompt for each chunk size: hundreds of tokens one by one take seconds and show nothing new. */
const longest: Record<number, number> = { 1: 48, 7: 120, 64: Infinity };

for (const chunkSize of [1, 7, 64]) {
  describe(`with a prefill in chunks of ${chunkSize}`, () => {
    for (const run of runs.filter(({ golden }) => golden.file.input_ids.length <= longest[chunkSize]!)) {
      test(run.label, async () => expectNumbers(run, await traceGolden(run, { chunkSize })), testLimitMs);
    }
  });
}
