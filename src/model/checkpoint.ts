import { openWeights } from "../weights/open.ts";
import type { TensorInfo, WeightSource } from "../weights/source.ts";
import { checkTensors, type WeightDtype } from "./check_tensors.ts";
import { type MllamaConfig, readConfig } from "./config.ts";

/** A model directory, checked and open, nothing loaded. */
export interface Checkpoint {
  readonly config: MllamaConfig;
  /** By published name. */
  readonly weights: WeightSource<WeightDtype>;
  /**
   * Whether the position tables hold zeros for tiles that an arrangement does not have, as converted checkpoints
   * do: only then are all missing tiles alike (vision_layout.ts).
   */
  readonly unusedSlotsAreZero: boolean;
}

/**
 * Opens a model directory in Hugging Face layout.
 *
 * @throws {ModelNotFoundError} If there is no such directory.
 * @throws {ModelError} If its files are damaged, disagree, or are of another architecture.
 */
export function openCheckpoint(directory: string): Checkpoint {
  const config = readConfig(directory);
  const files = openWeights(directory);
  try {
    const weights = checkTensors(config, files);
    return { config, weights, unusedSlotsAreZero: unusedSlotsAreZero(config, weights) };
  } catch (error) {
    files.close();
    throw error;
  }
}

function unusedSlotsAreZero({ vision }: MllamaConfig, weights: WeightSource<WeightDtype>): boolean {
  const tables = [
    {
      name: "gated_positional_embedding.tile_embedding.weight",
      slot: vision.tokensPerTile * vision.hiddenSize,
    },
    { name: "pre_tile_positional_embedding.embedding.weight", slot: vision.hiddenSize },
    { name: "post_tile_positional_embedding.embedding.weight", slot: vision.hiddenSize },
  ];
  return vision.supportedAspectRatios.every(([rows, columns], i) =>
    tables.every(({ name, slot }) => {
      const info = weights.tensors.get(`vision_model.${name}`)!;
      const first = (i + 1) * vision.maxNumTiles + rows * columns; // row 0 stands for "no image"
      return isZero(weights, info, first * slot, (vision.maxNumTiles - rows * columns) * slot);
    })
  );
}

/** Bytes of a table that are looked at a time: it may have hundreds of megabytes. */
const windowBytes = 1 << 20;

function isZero(
  weights: WeightSource<WeightDtype>,
  info: TensorInfo<WeightDtype>,
  begin: number,
  count: number,
): boolean {
  const size = info.dtype === "f32" ? 4 : 2;
  const magnitude = size === 4 ? 0x7fffffff : 0x7fff; // −0 is zero
  const window = new ArrayBuffer(windowBytes);
  for (let byte = begin * size; byte < (begin + count) * size; byte += windowBytes) {
    const length = Math.min(windowBytes, (begin + count) * size - byte);
    weights.readInto(info, byte, new Uint8Array(window, 0, length));
    const words = size === 4
      ? new Uint32Array(window, 0, length / 4)
      : new Uint16Array(window, 0, length / 2);
    for (let i = 0; i < words.length; i++) if ((words[i]! & magnitude) !== 0) return false;
  }
  return true;
}
