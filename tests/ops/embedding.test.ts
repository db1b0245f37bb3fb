import { describe, expect, test } from "bun:test";
import { embedding } from "../../src/ops/embedding.ts";
import * as reference from "../../src/reference/embedding.ts";
import { embeddingCase, embeddingLookupCase } from "../../src/selftest/cases/embedding.ts";
import { firstDifference } from "../../src/selftest/compare.ts";
import { random } from "../../src/selftest/random.ts";
import { runOp } from "../../src/selftest/run_op.ts";
import { encodeWeight } from "../../src/selftest/weight_bytes.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { limitDevice } from "../support/limited_device.ts";

const device = openTestDevice();

describe("embedding() copies the rows of the ids, widened to f32", () => {
  for (const dtype of ["f32", "bf16", "f16"] as const) {
    for (
      const [tokens, rows, columns] of [[1, 1, 4], [3, 776, 64], [65, 50, 252], [2, 20, 260], [
        1,
        9,
        4096,
      ]] as const
    ) {
      const kernelCase = embeddingCase(dtype, tokens, rows, columns);
      test(kernelCase.name, () => expectRight(device, kernelCase));
    }
  }
});

describe("embedding() takes an id that names a slot from there", () => {
  for (const [tokens, rows, columns] of [[1, 1, 4], [2, 776, 64], [65, 50, 252]] as const) {
    const kernelCase = embeddingLookupCase(tokens, rows, columns);
    test(kernelCase.name, () => expectRight(device, kernelCase));
  }
});

test("embedding() finds rows in every slice of a table that is larger than a view", () => {
  const small = limitDevice(device, { maxStorageBufferRange: 4096 });
  const [tokens, rows, columns] = [20, 130, 48];
  const rng = random(2);
  const table = encodeWeight("bf16", rng.normals(rows * columns));
  const ids = Uint32Array.from([0, rows - 1, ...Array.from({ length: tokens - 2 }, () => rng.below(rows))]);
  const { y } = runOp(small, {
    ids: { dtype: "u32", shape: [tokens], data: ids },
    table: { dtype: "bf16", shape: [rows, columns], data: table.bytes },
    y: { dtype: "f32", shape: [tokens, columns] },
  }, (cmd, { ids, table, y }) => embedding(cmd, ids, table, y));
  expect(firstDifference(y, reference.embedding(ids, table.values, columns))).toBe(-1);
});
