import { describe, expect, test } from "bun:test";
import type { TextConfig } from "../../src/model/config.ts";
import { readConfig } from "../../src/model/config.ts";
import { ropeFrequencies } from "../../src/model/rope_frequencies.ts";
import { goldenCheckpoints, goldenJson } from "../support/goldens.ts";

interface RopeGolden {
  readonly head_dim: number;
  readonly theta: number;
  readonly factor: number;
  readonly low_freq_factor: number;
  readonly high_freq_factor: number;
  readonly original_max_position_embeddings: number;
  readonly inv_freq: readonly number[];
  readonly band: readonly ("high" | "mid" | "low")[];
  readonly inv_freq_f32: readonly number[];
}

const goldens = goldenJson<Record<string, RopeGolden>>("rope/inv_freq.json");
const base = readConfig(goldenCheckpoints()[0]!.directory).text;

function textConfig(golden: RopeGolden): TextConfig {
  return {
    ...base,
    headDim: golden.head_dim,
    ropeTheta: golden.theta,
    ropeScaling: {
      factor: golden.factor,
      lowFreqFactor: golden.low_freq_factor,
      highFreqFactor: golden.high_freq_factor,
      originalMaxPositionEmbeddings: golden.original_max_position_embeddings,
    },
  };
}

/** Distance of two positive f32 numbers in units in the last place. */
function ulps(a: Float32Array, b: Float32Array): number[] {
  const [x, y] = [new Int32Array(a.buffer), new Int32Array(b.buffer)];
  return Array.from(x, (bits, i) => Math.abs(bits - y[i]!));
}

describe("ropeFrequencies()", () => {
  test.each(Object.keys(goldens))("%s: the exact values, rounded once", (name) => {
    const golden = goldens[name]!;
    expect(ropeFrequencies(textConfig(golden))).toEqual(Float32Array.from(golden.inv_freq));
  });

  test.each(Object.keys(goldens))("%s: within the rounding of f32 libraries", (name) => {
    const golden = goldens[name]!;
    const distances = ulps(ropeFrequencies(textConfig(golden)), Float32Array.from(golden.inv_freq_f32));
    // A power and its reciprocal cost them one unit, the blend of two frequencies up to two more.
    for (const [j, distance] of distances.entries()) {
      expect(distance).toBeLessThanOrEqual(golden.band[j] === "mid" ? 3 : 1);
    }
  });

  test.each(
    goldenCheckpoints().filter(({ name }) => name in goldens).map(({ name, directory }) => [name, directory]),
  )(
    "%s: from its own config.json",
    (name, directory) => {
      const { text } = readConfig(directory);
      expect(ropeFrequencies(text)).toEqual(Float32Array.from(goldens[name]!.inv_freq));
    },
  );

  test("without scaling is theta^(-2j / headDim)", () => {
    const plain = ropeFrequencies({ ...base, headDim: 8, ropeTheta: 10_000, ropeScaling: undefined });
    expect(plain).toEqual(Float32Array.of(1, 0.1, 0.01, 0.001));
  });
});
