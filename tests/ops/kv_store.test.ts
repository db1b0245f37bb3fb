import { describe, expect, test } from "bun:test";
import { kvStore } from "../../src/ops/kv_store.ts";
import * as reference from "../reference/kv_store.ts";
import { firstDifference } from "../support/compare.ts";
import { openTestDevice } from "../support/gpu.ts";
import { random } from "../support/random.ts";
import { runOp } from "../support/run_op.ts";

const device = openTestDevice();

const SKIP = 0xffffffff;

describe("kvStore() scatters rows to their slots and touches nothing else", () => {
  for (const [tokens, slotCount, width] of [[1, 1, 4], [5, 9, 32], [70, 80, 256], [2, 3, 1024]] as const) {
    test(`fused rows, T=${tokens} slots=${slotCount} width=${width}`, () => {
      const rng = random(1);
      const stride = 3 * width;
      const qkv = rng.normals(tokens * stride);
      const slots = Uint32Array.from(rng.permutation(slotCount).slice(0, tokens));
      if (tokens > 1) slots[1] = SKIP;
      const [keys, values] = [rng.normals(slotCount * width), rng.normals(slotCount * width)];
      const have = runOp(device, {
        qkv: { dtype: "f32", shape: [tokens, stride], data: qkv },
        slots: { dtype: "u32", shape: [tokens], data: slots },
        keys: { dtype: "f32", shape: [slotCount, width], data: keys, inPlace: true },
        values: { dtype: "f32", shape: [slotCount, width], data: values, inPlace: true },
      }, (cmd, { qkv, slots, keys, values }) => {
        kvStore(cmd, { tensor: qkv, offset: width }, { tensor: qkv, offset: 2 * width }, slots, keys, values);
      });
      const wantKeys = reference.kvStore(qkv, { stride, offset: width, width }, slots, keys);
      const wantValues = reference.kvStore(qkv, { stride, offset: 2 * width, width }, slots, values);
      expect(firstDifference(have.keys, wantKeys)).toBe(-1);
      expect(firstDifference(have.values, wantValues)).toBe(-1);
    });
  }
});

test("kvStore() takes keys and values from two tensors", () => {
  const rng = random(2);
  const [key, value] = [rng.normals(2 * 8), rng.normals(2 * 12)];
  const slots = Uint32Array.of(2, 0);
  const empty = new Float32Array(3 * 8);
  const have = runOp(device, {
    key: { dtype: "f32", shape: [2, 8], data: key },
    value: { dtype: "f32", shape: [2, 12], data: value },
    slots: { dtype: "u32", shape: [2], data: slots },
    keys: { dtype: "f32", shape: [3, 8], data: empty, inPlace: true },
    values: { dtype: "f32", shape: [3, 8], data: empty, inPlace: true },
  }, (cmd, { key, value, slots, keys, values }) => {
    kvStore(cmd, { tensor: key }, { tensor: value, offset: 4 }, slots, keys, values);
  });
  const wantKeys = reference.kvStore(key, { stride: 8, offset: 0, width: 8 }, slots, empty);
  const wantValues = reference.kvStore(value, { stride: 12, offset: 4, width: 8 }, slots, empty);
  expect(firstDifference(have.keys, wantKeys)).toBe(-1);
  expect(firstDifference(have.values, wantValues)).toBe(-1);
});

test("kvStore() refuses columns that the source does not have", () => {
  const specs = {
    key: { dtype: "f32", shape: [2, 8] },
    slots: { dtype: "u32", shape: [2] },
    keys: { dtype: "f32", shape: [3, 8] },
    values: { dtype: "f32", shape: [3, 8] },
  } as const;
  runOp(device, specs, (cmd, { key, slots, keys, values }) => {
    expect(() => kvStore(cmd, { tensor: key, offset: 4 }, { tensor: key }, slots, keys, values))
      .toThrow('"key" must have 8 columns at 4, have 8 in all');
  });
});
