import { describe, expect, test } from "bun:test";
import { kvStore } from "../../src/ops/kv_store.ts";
import * as reference from "../../src/reference/kv_store.ts";
import { kvStoreCase } from "../../src/selftest/cases/kv_store.ts";
import { firstDifference } from "../../src/selftest/compare.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { random } from "../../src/selftest/random.ts";
import { runOp } from "../../src/selftest/run_op.ts";

const device = openTestDevice();

describe("kvStore() scatters rows to their slots and touches nothing else", () => {
  for (const [tokens, slotCount, width] of [[1, 1, 4], [5, 9, 32], [70, 80, 256], [2, 3, 1024]] as const) {
    const kernelCase = kvStoreCase(tokens, slotCount, width);
    test(`fused rows, ${kernelCase.name}`, () => expectRight(device, kernelCase));
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
