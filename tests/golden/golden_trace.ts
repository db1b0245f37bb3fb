import { expect } from "bun:test";
import type { TraceResult } from "../../src/engine/protocol.ts";
import { trace } from "../../src/engine/trace.ts";
import { relativeL2 } from "../../src/selftest/compare.ts";
import { expectedTensors, type GoldenTensors } from "../support/goldens.ts";
import { goldenEngine, goldenImages, type GoldenRun, type GoldenVariant } from "./golden_engine.ts";

/**
 * Relative L2 over a whole tensor. The tanh form of GELU is off by 9e-5 already; f32 noise reaches 6e-6 on prompts of
 * hundreds of tokens.
 */
export const limit = 6e-5;

/** Runs a case from its stored ids, and as many greedy tokens as the golden has. */
export async function traceGolden(
  { golden, checkpoint }: GoldenRun,
  variant: GoldenVariant = {},
  steps = false,
): Promise<TraceResult> {
  const engine = goldenEngine(checkpoint, variant);
  const images = await goldenImages(engine, golden);
  const { input_ids: tokens, greedy } = golden.file;
  return trace(engine, { id: 1, tokens, images, maxTokens: greedy.ids.length, steps });
}

/** Logits of the prompt, greedy ids, and the logits that they were taken from. */
export function expectNumbers(run: GoldenRun, result: TraceResult): void {
  const expected = expectedTensors(run.golden);
  expect(relativeL2(storedRows(result, expected), expected.f32("logits"))).toBeLessThan(limit);
  expect(result.greedyIds).toEqual(run.golden.file.greedy.ids.slice());
  expect(relativeL2(result.stepLogits.data, expected.f32("greedy.logits"))).toBeLessThan(limit);
}

/** The rows that the golden keeps: all of them, or those in `logits.rows` of a long prompt. */
function storedRows({ logits }: TraceResult, expected: GoldenTensors): Float32Array {
  if (!expected.has("logits.rows")) return logits.data;
  const width = logits.shape[1]!;
  const rows = expected.integers("logits.rows");
  const stored = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) {
    stored.set(logits.data.subarray(row * width, (row + 1) * width), i * width);
  }
  return stored;
}
