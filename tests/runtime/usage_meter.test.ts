import { expect, test } from "bun:test";
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
  at: 100,
} as const;

test("UsageMeter counts an answer's time on the engine's clock, from the start of the request's first choice", () => {
  const meter = new UsageMeter({ tokens: [1, 2, 3], images: [] });
  meter.started(started);
  meter.started({ ...started, choice: 1, cachedTokens: 3, at: 900 });
  meter.completionTokens = 7;
  expect(meter.usage(1334)).toEqual({
    promptTokens: 3,
    imageTiles: 0,
    cachedTokens: 2,
    cachedImages: 0,
    completionTokens: 7,
    timings: { queueMs: 3, imageMs: 4, prefillMs: 5, decodeMs: 1234 },
  });
});
