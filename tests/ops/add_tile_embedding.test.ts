import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { addTileEmbedding } from "../../src/ops/add_tile_embedding.ts";
import { addTileEmbeddingCase } from "../../src/selftest/cases/add_tile_embedding.ts";
import { runOp } from "../../src/selftest/run_op.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);
const device = openTestDevice();

describe("addTileEmbedding() adds the row of its tile to every token", () => {
  for (const [count, channels] of [[1, 4], [9, 24], [3, 252], [3, 260], [70, 1280]] as const) {
    const kernelCase = addTileEmbeddingCase(count, channels);
    test(kernelCase.name, () => expectRight(device, kernelCase));
  }
});

test("addTileEmbedding() refuses a table that holds no whole rows", () => {
  const specs = {
    x: { dtype: "f32", shape: [2, 24] },
    rows: { dtype: "u32", shape: [2, 2] },
    table: { dtype: "f32", shape: [100] },
  } as const;
  runOp(device, specs, (cmd, { x, rows, table }) => {
    expect(() => addTileEmbedding(cmd, x, rows, table, 1)).toThrow(
      `"table's size" must be a multiple of 24, have 100`,
    );
  });
});
