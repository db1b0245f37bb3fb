import { addTileEmbedding } from "../../src/ops/add_tile_embedding.ts";
import { attention } from "../../src/ops/attention.ts";
import { crossAttention } from "../../src/ops/cross_attention.ts";
import { tilePatches } from "../../src/ops/tile_patches.ts";
import { visionAttention } from "../../src/ops/vision_attention.ts";
import { visionEmbed } from "../../src/ops/vision_embed.ts";
import { type BenchRow, benchRow } from "./row.ts";

// Sizes of the 11B model.
const [heads, kvHeads, headDim, blockSize] = [32, 8, 128, 16];
const [visionHeads, visionHeadDim, tileTokens, tileSize, patchSize] = [16, 80, 1601, 560, 14];
const channels = visionHeads * visionHeadDim;
const patches = tileTokens - 1;

const counting = (count: number, first = 0) => Uint32Array.from({ length: count }, (_, i) => first + i);
const tensor = (...shape: number[]) => ({ dtype: "f32", shape }) as const;
const numbers = (data: Uint32Array, ...shape: number[]) => ({ dtype: "u32", shape, data }) as const;

/** `rows` tokens at the end of a context: one is a decode step, more are a chunk of a prompt. */
function attentionRow(rows: number, context: number): BenchRow {
  const seen = rows * (context - (rows - 1) / 2);
  const cache = tensor(context, kvHeads * headDim);
  return benchRow({
    op: "attention",
    shape: `T=${rows} ctx=${context}`,
    dtype: "f32",
    flops: 4 * seen * heads * headDim,
    tensors: {
      qkv: tensor(rows, (heads + 2 * kvHeads) * headDim),
      keys: cache,
      values: cache,
      positions: numbers(counting(rows, context - rows), rows),
      sequences: numbers(new Uint32Array(rows), rows),
      blockTables: numbers(counting(context / blockSize), 1, context / blockSize),
      y: tensor(rows, heads * headDim),
    },
    record: (cmd, { qkv, keys, values, positions, sequences, blockTables, y }) =>
      attention(cmd, qkv, keys, values, positions, sequences, blockTables, y, {
        ...{ heads, kvHeads, headDim, blockSize },
      }),
  });
}

function crossAttentionRow(rows: number, tiles: number): BenchRow {
  const cache = tensor(tiles * tileTokens, kvHeads * headDim);
  return benchRow({
    op: "cross_attention",
    shape: `T=${rows} tiles=${tiles}`,
    dtype: "f32",
    flops: 4 * rows * tiles * tileTokens * heads * headDim,
    tensors: {
      q: tensor(rows, heads * headDim),
      keys: cache,
      values: cache,
      rowTiles: numbers(Uint32Array.from({ length: 2 * rows }, (_, i) => i % 2 * tiles), rows, 2),
      tileTable: numbers(counting(tiles), tiles),
      y: tensor(rows, heads * headDim),
    },
    record: (cmd, { q, keys, values, rowTiles, tileTable, y }) =>
      crossAttention(cmd, q, keys, values, rowTiles, tileTable, y, { heads, kvHeads, headDim, tileTokens }),
  });
}

/** `rows` tokens of which the last is padding. */
function visionAttentionRow(rows: number): BenchRow {
  return benchRow({
    op: "vision_attention",
    shape: `S=${rows} ${visionHeads}x${visionHeadDim}`,
    dtype: "f32",
    flops: 4 * rows ** 2 * channels,
    tensors: { qkv: tensor(rows, 3 * channels), keyBias: tensor(1), y: tensor(rows, channels) },
    record: (cmd, { qkv, keyBias, y }) =>
      visionAttention(cmd, qkv, keyBias, y, {
        ...{ heads: visionHeads, headDim: visionHeadDim, realCount: rows - 1 },
      }),
  });
}

const columns = 3 * patchSize ** 2;
const tileRows = numbers(
  Uint32Array.from({ length: 2 * tileTokens }, (_, i) => i % 2 * (i >> 1)),
  tileTokens,
  2,
);

/** Attention in all its forms, and what surrounds it in the vision tower, for one tile. */
export const attentionRows: readonly BenchRow[] = [
  attentionRow(1, 512),
  attentionRow(64, 64),
  attentionRow(64, 512),
  crossAttentionRow(1, 1),
  crossAttentionRow(64, 1),
  visionAttentionRow(tileTokens + 1),
  benchRow({
    op: "tile_patches",
    shape: `${tileSize}x${tileSize}`,
    dtype: "f32",
    bytes: 3 * tileSize ** 2 + 4 * patches * columns,
    tensors: { pixels: { dtype: "u8", shape: [3 * tileSize ** 2] }, y: tensor(patches, columns) },
    record: (cmd, { pixels, y }) =>
      tilePatches(cmd, pixels, y, {
        ...{ width: tileSize, height: tileSize, tileSize, patchSize, gridColumns: 1, tiles: 1 },
        ...{ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25], rescale: 1 / 255 },
      }),
  }),
  benchRow({
    op: "vision_embed",
    shape: `${tileTokens}x${channels}`,
    dtype: "bf16",
    bytes: (4 + 4 + 2 + 2) * tileTokens * channels,
    tensors: {
      patches: tensor(patches, channels),
      rows: tileRows,
      classEmbedding: tensor(channels),
      positional: { dtype: "bf16", shape: [tileTokens, channels] },
      tilePositional: { dtype: "bf16", shape: [4 * tileTokens, channels] },
      preTile: tensor(4 * channels),
      x: tensor(tileTokens, channels),
    },
    record: (cmd, { patches, rows, classEmbedding, positional, tilePositional, preTile, x }) =>
      visionEmbed(cmd, patches, rows, classEmbedding, positional, tilePositional, preTile, x, {
        ...{ realTiles: 1, tokens: tileTokens, positionGate: 0.5, preTileGate: 0.5 },
      }),
  }),
  benchRow({
    op: "add_tile_embedding",
    shape: `${tileTokens}x${channels}`,
    dtype: "f32",
    bytes: 8 * tileTokens * channels,
    tensors: { x: tensor(tileTokens, channels), rows: tileRows, table: tensor(4 * channels) },
    record: (cmd, { x, rows, table }) => addTileEmbedding(cmd, x, rows, table, 0.5),
  }),
];
