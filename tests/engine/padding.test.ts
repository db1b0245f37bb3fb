import { expect, test } from "bun:test";
import { trace } from "../../src/engine/trace.ts";
import type { MllamaConfig } from "../../src/model/config.ts";
import { expectedTensors } from "../../src/model/tensor_names.ts";
import { relativeL2 } from "../../src/selftest/compare.ts";
import {
  oddSizes,
  type TensorValues,
  tinyConfig,
  tinyWeights,
  writeTinyCheckpoint,
} from "../model/tiny_checkpoint.ts";
import { noiseImage, openTinyEngine, request, text } from "./tiny_engine.ts";

/** The same numbers in tensors that may be larger, zero where there were none. */
function enlarge(values: TensorValues, from: MllamaConfig, to: MllamaConfig): TensorValues {
  const larger = new Map(expectedTensors(to).map(({ name, shape }) => [name, shape]));
  return new Map(
    expectedTensors(from).map(({ name, shape }) => {
      const [rows, columns] = [shape[0]!, shape[1] ?? 1];
      const [newRows, newColumns] = [larger.get(name)![0]!, larger.get(name)![1] ?? 1];
      if (shape.length > 2 || (rows === newRows && columns === newColumns)) return [name, values.get(name)!];
      const data = new Float32Array(newRows * newColumns);
      for (let row = 0; row < rows; row++) {
        data.set(values.get(name)!.subarray(row * columns, (row + 1) * columns), row * newColumns);
      }
      return [name, data];
    }),
  );
}

test("Intermediate sizes of 37 give what zero-filled ones of 40 give", () => {
  const sizes = { textIntermediate: 40, visionIntermediate: 40 };
  const values = tinyWeights(tinyConfig(), 31);
  using odd = writeTinyCheckpoint(oddSizes, values);
  using even = writeTinyCheckpoint(sizes, enlarge(values, tinyConfig(), tinyConfig(sizes)));
  const [have, want] = [odd, even].map(({ path }) => {
    const engine = openTinyEngine(path, { outputRows: 16 });
    try {
      const { tokens } = request(1, [0, ...text(5, 1), -1, ...text(20, 2)]);
      return trace(engine, { id: 1, tokens, images: [noiseImage(1, 2, 1)], maxTokens: 4, steps: true });
    } finally {
      engine.dispose();
    }
  }) as [ReturnType<typeof trace>, ReturnType<typeof trace>];
  expect(have.greedyIds).toEqual(want.greedyIds);
  expect(relativeL2(have.logits.data, want.logits.data)).toBeLessThan(1e-6);
  expect(relativeL2(have.states["cross_states.0"]!.data, want.states["cross_states.0"]!.data)).toBeLessThan(
    1e-6,
  );
  expect(want.logits.data.some((value) => Math.abs(value) > 0.1)).toBe(true);
});
