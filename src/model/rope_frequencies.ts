import type { TextConfig } from "./config.ts";

/**
 * Angle per position of each rotary pair, [headDim / 2]: `f_j = theta^(-2j / headDim)`, and with llama3
 * scaling
 *
 *     wavelength w = 2π / f_j,  s = factor,  L = original_max_position_embeddings
 *     w < L / high:  f_j
 *     w > L / low:   f_j / s
 *     else:          (1 - m) f_j / s + m f_j,   m = (L / w - low) / (high - low)
 *
 * Computed in f64 and rounded to f32 once; f32 libraries differ from this by up to three units in the last
 * place. Source: Llama 3.1 release, `apply_scaling`; mllama-spec §4.4.
 */
export function ropeFrequencies(text: TextConfig): Float32Array {
  const { headDim, ropeTheta } = text;
  return Float32Array.from(
    { length: headDim / 2 },
    (_, j) => scaled(text.ropeScaling, ropeTheta ** (-2 * j / headDim)),
  );
}

function scaled(scaling: TextConfig["ropeScaling"], frequency: number): number {
  if (!scaling) return frequency;
  const { factor, lowFreqFactor: low, highFreqFactor: high } = scaling;
  // Turns that the pair makes over the original context: L / w.
  const turns = scaling.originalMaxPositionEmbeddings * frequency / (2 * Math.PI);
  if (turns > high) return frequency;
  if (turns < low) return frequency / factor;
  const mix = (turns - low) / (high - low);
  return (1 - mix) * frequency / factor + mix * frequency;
}
