import { adjustLogits, adjustmentWords, encodeAdjustment, maskWordsOf } from "../../src/ops/adjust_logits.ts";
import { countTokens } from "../../src/ops/count_tokens.ts";
import { embedding } from "../../src/ops/embedding.ts";
import { gatedAdd } from "../../src/ops/gated_add.ts";
import { kvStore } from "../../src/ops/kv_store.ts";
import { layerNorm } from "../../src/ops/layer_norm.ts";
import { rmsNorm } from "../../src/ops/rms_norm.ts";
import { rope } from "../../src/ops/rope.ts";
import { type Choice, choiceWords, encodeChoice, sample } from "../../src/ops/sample.ts";
import { siluMul } from "../../src/ops/silu_mul.ts";
import { streamRead } from "../../src/ops/stream_read.ts";
import { topK } from "../../src/ops/top_k.ts";
import { type BenchRow, benchRow } from "./row.ts";

const [tokens, hidden, intermediate] = [64, 4096, 14336];
const [heads, kvHeads, headDim, vocabulary] = [32, 8, 128, 128256];
const qkvWidth = (heads + 2 * kvHeads) * headDim;
const kvWidth = kvHeads * headDim;
const matrix = { dtype: "f32", shape: [tokens, hidden] } as const;
const vector = { dtype: "f32", shape: [hidden] } as const;
const counting = {
  dtype: "u32",
  shape: [tokens],
  data: Uint32Array.from({ length: tokens }, (_, i) => i),
} as const;

/** Bytes of `count` f32 values. */
const floats = (count: number) => 4 * count;

function topKRow(k: number): BenchRow {
  return benchRow({
    op: "top_k",
    shape: `1x${vocabulary} k=${k}`,
    dtype: "f32",
    bytes: floats(vocabulary),
    tensors: {
      logits: { dtype: "f32", shape: [1, vocabulary] },
      ids: { dtype: "u32", shape: [1, k] },
      best: { dtype: "f32", shape: [1, k] },
      total: { dtype: "f32", shape: [1] },
    },
    record: (cmd, { logits, ids, best, total }) => topK(cmd, logits, k, ids, best, total),
  });
}

/** One output of the model's vocabulary; the bench's numbers are small, so that a draw has all tokens to choose from. */
function sampleRow(name: string, choice: Partial<Choice>): BenchRow {
  const whole: Choice = {
    logitsRow: 0,
    slot: 0,
    position: 7,
    counted: false,
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    seed: [1, 2],
    ...choice,
  };
  return benchRow({
    op: "sample",
    shape: `1x${vocabulary} ${name}`,
    dtype: "f32",
    bytes: floats(vocabulary),
    tensors: {
      logits: { dtype: "f32", shape: [1, vocabulary] },
      choices: { dtype: "u32", shape: [1, choiceWords], data: encodeChoice(whole) },
      tokens: { dtype: "u32", shape: [1] },
      chosen: { dtype: "f32", shape: [1] },
      sampled: { dtype: "u32", shape: [1] },
      counts: { dtype: "u32", shape: [1, vocabulary] },
    },
    record: (cmd, { logits, choices, tokens, chosen, sampled, counts }) =>
      sample(cmd, logits, logits, choices, tokens, chosen, sampled, counts, { draws: whole.temperature > 0 }),
  });
}

const adjustment = {
  slot: 0,
  penalized: true,
  repetition: 1.1,
  presence: 0.5,
  frequency: 0.5,
  editCount: 0,
  masked: true,
};

/** What stands between logits and tokens, for one output. */
const samplingRows: readonly BenchRow[] = [
  topKRow(1),
  topKRow(64),
  sampleRow("greedy", {}),
  sampleRow("temperature 1", { temperature: 1 }),
  sampleRow("top-k 50 top-p 0.9", { temperature: 0.6, topK: 50, topP: 0.9 }),
  benchRow({
    op: "adjust_logits",
    shape: `1x${vocabulary}`,
    dtype: "f32",
    bytes: floats(3 * vocabulary),
    tensors: {
      logits: { dtype: "f32", shape: [1, vocabulary] },
      adjustments: { dtype: "u32", shape: [1, adjustmentWords], data: encodeAdjustment(adjustment) },
      edits: { dtype: "u32", shape: [1, 64, 2] },
      masks: { dtype: "u32", shape: [1, maskWordsOf(vocabulary)] },
      counts: { dtype: "u32", shape: [1, vocabulary] },
      y: { dtype: "f32", shape: [1, vocabulary] },
    },
    record: (cmd, { logits, adjustments, edits, masks, counts, y }) =>
      adjustLogits(cmd, logits, adjustments, edits, masks, counts, y),
  }),
  benchRow({
    op: "count_tokens",
    shape: `8192 of ${vocabulary}`,
    dtype: "u32",
    bytes: floats(vocabulary + 8192),
    tensors: {
      text: {
        dtype: "u32",
        shape: [3 + 8192],
        data: Uint32Array.from({ length: 3 + 8192 }, (_, i) => [0, 8000, 8192][i] ?? 15 * i),
      },
      counts: { dtype: "u32", shape: [1, vocabulary] },
    },
    record: (cmd, { text, counts }) => countTokens(cmd, text, counts),
  }),
];

/** The ways of reading that `llamav bench` tries; 64 MiB. */
const streamRows = ([[8, 512, 1], [8, 512, 0], [64, 16, 1], [256, 16, 1]] as const).map(
  ([size, loads, sideBySide]) => {
    const words = 16 << 20;
    return benchRow({
      op: "stream_read",
      shape: `${size} invocations, ${loads} loads ${sideBySide === 1 ? "side by side" : "each"}`,
      dtype: "u32",
      bytes: floats(words),
      tensors: {
        x: { dtype: "u32", shape: [words] },
        y: { dtype: "u32", shape: [words / 4 / loads] },
      },
      record: (cmd, { x, y }) =>
        streamRead(cmd, x, y, { WORKGROUP_SIZE: size, LOADS: loads, SIDE_BY_SIDE: sideBySide }),
    });
  },
);

/** Operations on rows: bound by memory. Sizes of the 11B model, 64 tokens. */
export const rowRows: readonly BenchRow[] = [
  benchRow({
    op: "rms_norm",
    shape: `${tokens}x${hidden}`,
    dtype: "f32",
    bytes: floats(2 * tokens * hidden),
    tensors: { x: matrix, weight: vector, y: matrix },
    record: (cmd, { x, weight, y }) => rmsNorm(cmd, x, weight, y, 1e-5),
  }),
  benchRow({
    op: "layer_norm",
    shape: `${tokens}x${hidden}`,
    dtype: "f32",
    bytes: floats(2 * tokens * hidden),
    tensors: { x: matrix, weight: vector, bias: vector, y: matrix },
    record: (cmd, { x, weight, bias, y }) => layerNorm(cmd, x, weight, bias, y, 1e-5),
  }),
  benchRow({
    op: "embedding",
    shape: `${tokens}x${hidden}`,
    dtype: "bf16",
    bytes: 6 * tokens * hidden,
    tensors: { ids: counting, table: { dtype: "bf16", shape: [tokens, hidden] }, y: matrix },
    record: (cmd, { ids, table, y }) => embedding(cmd, ids, table, y),
  }),
  benchRow({
    op: "rope",
    shape: `${tokens}x${heads}+${kvHeads}x${headDim}`,
    dtype: "f32",
    bytes: floats(2 * tokens * (heads + kvHeads) * headDim),
    tensors: {
      qkv: { dtype: "f32", shape: [tokens, qkvWidth] },
      positions: counting,
      invFreq: { dtype: "f32", shape: [headDim / 2], data: new Float32Array(headDim / 2).fill(0.1) },
    },
    record: (cmd, { qkv, positions, invFreq }) =>
      rope(cmd, qkv, positions, invFreq, { heads, kvHeads, headDim }),
  }),
  benchRow({
    op: "kv_store",
    shape: `${tokens}x${kvWidth}`,
    dtype: "f32",
    bytes: floats(4 * tokens * kvWidth),
    tensors: {
      qkv: { dtype: "f32", shape: [tokens, qkvWidth] },
      slots: counting,
      keys: { dtype: "f32", shape: [tokens, kvWidth] },
      values: { dtype: "f32", shape: [tokens, kvWidth] },
    },
    record: (cmd, { qkv, slots, keys, values }) => {
      const first = heads * headDim;
      kvStore(
        cmd,
        { tensor: qkv, offset: first },
        { tensor: qkv, offset: first + kvWidth },
        slots,
        keys,
        values,
      );
    },
  }),
  benchRow({
    op: "silu_mul",
    shape: `${tokens}x${intermediate}`,
    dtype: "f32",
    bytes: floats(3 * tokens * intermediate),
    tensors: {
      gateUp: { dtype: "f32", shape: [tokens, 2 * intermediate] },
      y: { dtype: "f32", shape: [tokens, intermediate] },
    },
    record: (cmd, { gateUp, y }) => siluMul(cmd, gateUp, y),
  }),
  benchRow({
    op: "gated_add",
    shape: `${tokens}x${hidden}`,
    dtype: "f32",
    bytes: floats(3 * tokens * hidden),
    tensors: {
      h: matrix,
      branch: matrix,
      rowTiles: {
        dtype: "u32",
        shape: [tokens, 2],
        data: Uint32Array.from({ length: 2 * tokens }, (_, i) => i % 2),
      },
    },
    record: (cmd, { h, branch, rowTiles }) => gatedAdd(cmd, h, branch, 0.5, rowTiles),
  }),
  ...samplingRows,
  ...streamRows,
];
