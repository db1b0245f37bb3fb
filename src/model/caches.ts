import type { Arena } from "../gpu/memory.ts";
import type { Tensor } from "../gpu/tensor.ts";
import type { MllamaConfig } from "./config.ts";
import { allocate, f32, type ShapeTable } from "./shapes.ts";

/** Keys and values of one kind of layer: one pair of tensors [slots, KV·d] for each layer of that kind, in order. */
export interface KeyValueCache {
  readonly keys: readonly Tensor<"f32">[];
  readonly values: readonly Tensor<"f32">[];
}

export interface Caches {
  /** Text: one slot per token position, in blocks that a sequence's block table names. */
  readonly self: KeyValueCache;
  /** Images: `tokensPerTile` slots per real tile; a row of text names the tiles it sees. */
  readonly cross: KeyValueCache;
}

/** Bytes of one slot in one tensor of either cache. */
export function slotBytes({ text }: MllamaConfig): number {
  return text.numKeyValueHeads * text.headDim * 4;
}

/** Shapes of the text cache for `slots` token positions. */
export function selfCacheShapes(config: MllamaConfig, slots: number): ShapeTable {
  return cacheShapes(config, config.text.numHiddenLayers - config.text.crossAttentionLayers.length, slots);
}

/** Shapes of the image cache for `tiles` tiles. */
export function crossCacheShapes(config: MllamaConfig, tiles: number): ShapeTable {
  return cacheShapes(config, config.text.crossAttentionLayers.length, tiles * config.vision.tokensPerTile);
}

/** Makes the tensors of a cache's table in the arena. */
export function allocateCache(arena: Arena, table: ShapeTable): KeyValueCache {
  const tensors = Object.entries(allocate(arena, table)) as [string, Tensor<"f32">][];
  const pick = (kind: string) =>
    tensors.filter(([name]) => name.startsWith(kind)).map(([, tensor]) => tensor);
  return { keys: pick("keys"), values: pick("values") };
}

function cacheShapes({ text }: MllamaConfig, layers: number, slots: number): ShapeTable {
  const shape = f32(slots, text.numKeyValueHeads * text.headDim);
  const pairs = Array.from({ length: layers }, (_, i) => [[`keys.${i}`, shape], [`values.${i}`, shape]]);
  return Object.fromEntries(pairs.flat());
}
