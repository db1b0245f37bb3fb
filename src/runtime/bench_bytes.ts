import { slotBytes } from "../model/caches.ts";
import { type Checkpoint, openCheckpoint } from "../model/checkpoint.ts";
import type { MllamaConfig } from "../model/config.ts";
import { expectedTensors, type ModelPart } from "../model/tensor_names.ts";

/** What a checkpoint makes a decode step read, at least. */
export interface DecodeBytes {
  readonly config: MllamaConfig;
  /**
   * Bytes of weights, keys and values that one step cannot but read: every weight once, whatever the batch, and the
   * caches of each sequence.
   *
   * @param batch sequences in the step
   * @param positions tokens that each of them has, on average
   * @param tiles tiles of an image that each of them sees; without any, cross-attention layers are left out
   */
  stepBytes(batch: number, positions: number, tiles: number): number;
}

/**
 * Reads a checkpoint's headers.
 *
 * @throws {ModelNotFoundError} If there is no such model.
 * @throws {ModelError} If its files are damaged or not a Llama 3.2 Vision checkpoint.
 */
export function readDecodeBytes(directory: string): DecodeBytes {
  const checkpoint = openCheckpoint(directory);
  try {
    return decodeBytes(checkpoint);
  } finally {
    checkpoint.weights.close();
  }
}

function decodeBytes({ config, weights }: Checkpoint): DecodeBytes {
  const parts: Partial<Record<ModelPart, number>> = {};
  for (const { name, part } of expectedTensors(config)) {
    // An image's keys and values are computed once, when it is encoded.
    if (/\.cross_attn\.(k_proj|v_proj|k_norm)\./.test(name)) continue;
    parts[part] = (parts[part] ?? 0) + weights.tensors.get(name)!.bytes;
  }
  const { self_layers: self = 0, cross_layers: cross = 0, lm_head: head = 0, embed_tokens: table = 0 } =
    parts;
  const { text, vision } = config;
  const tableRows = weights.tensors.get("language_model.model.embed_tokens.weight")!.shape[0]!;
  const crossLayers = text.crossAttentionLayers.length;
  const positionBytes = 2 * slotBytes(config) * (text.numHiddenLayers - crossLayers);
  const tileBytes = 2 * slotBytes(config) * crossLayers * vision.tokensPerTile;
  return {
    config,
    stepBytes: (batch, positions, tiles) =>
      self + head + (tiles > 0 ? cross : 0) +
      batch * (table / tableRows + positions * positionBytes + tiles * tileBytes),
  };
}
