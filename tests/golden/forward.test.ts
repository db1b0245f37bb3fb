import { describe, expect, test } from "bun:test";
import type { TraceResult } from "../../src/engine/protocol.ts";
import { relativeL2 } from "../../src/selftest/compare.ts";
import { expectedTensors, type GoldenTensors } from "../support/goldens.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { type GoldenRun, goldenRuns, useGoldenEngines } from "./golden_engine.ts";
import { expectNumbers, limit, traceGolden } from "./golden_trace.ts";

useGoldenEngines();
const runs = goldenRuns();

describe("the forward pass equals the golden", () => {
  for (const run of runs) {
    test(run.label, async () => {
      const result = await traceGolden(run, {}, true);
      expectNumbers(run, result);
      const expected = expectedTensors(run.golden);
      for (const name of expected.names().filter((name) => name.startsWith("text.hidden."))) {
        const { data } = result.states[name.replace("text.", "")]!;
        expect({ name, close: relativeL2(data, expected.f32(name)) < limit }).toEqual({ name, close: true });
      }
      for (
        const [golden, ours] of [["vision.features", "vision_features"], [
          "vision.projected",
          "cross_states",
        ]] as const
      ) {
        if (expected.has(golden)) expectRealTiles(run, result, expected, golden, ours, limit);
      }
      if (expected.has("pixel_values")) {
        expectRealTiles(run, result, expected, "pixel_values", "pixel_values", 1e-6);
      }
    }, testLimitMs);
  }
});

/** Compares image by image; the golden has four tile slots for each, ours the real tiles. */
function expectRealTiles(
  { golden }: GoldenRun,
  { states }: TraceResult,
  expected: GoldenTensors,
  name: string,
  ours: string,
  tolerance: number,
): void {
  const [images, slots, ...rest] = expected.shape(name);
  const all = expected.f32(name);
  const tileSize = rest.reduce((product, size) => product * size, 1);
  for (let image = 0; image < images!; image++) {
    const tiles = golden.file.images[image]!.num_tiles;
    const begin = image * slots! * tileSize;
    const error = relativeL2(states[`${ours}.${image}`]!.data, all.subarray(begin, begin + tiles * tileSize));
    expect({ name, image, close: error < tolerance }).toEqual({ name, image, close: true });
  }
}
