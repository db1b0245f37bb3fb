import { expect, spyOn, test } from "bun:test";
import { UsageMeter } from "../../src/runtime/usage_meter.ts";

const started = {
  type: "started",
  id: 1,
  choice: 0,
  cachedTokens: 2,
  cachedImages: 0,
  queueMs: 3,
  imageMs: 4,
  prefillMs: 5,
} as const;

test("UsageMeter takes the times of the engine, and its own where an answer ends before the engine knows", () => {
  using clock = spyOn(performance, "now").mockReturnValue(100);
  const meter = new UsageMeter({ tokens: [1, 2, 3], images: [] });
  meter.started(started);
  clock.mockReturnValue(142.5);
  meter.completionTokens = 7;
  const { timings, ...counts } = meter.usage(1234);
  expect(counts).toEqual({
    promptTokens: 3,
    imageTiles: 0,
    cachedTokens: 2,
    cachedImages: 0,
    completionTokens: 7,
  });
  expect(timings).toEqual({ queueMs: 3, imageMs: 4, prefillMs: 5, decodeMs: 1234 });
  expect(meter.usage().timings.decodeMs).toBe(42.5);
});
