import { describe, expect, test } from "bun:test";
import { streamRead, streamTiles, wordsPerGroup } from "../../src/ops/stream_read.ts";
import { streamReadCase } from "../../src/selftest/cases/stream_read.ts";
import { runOp } from "../../src/selftest/run_op.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";

const device = openTestDevice();

describe("streamRead() sums every word once", () => {
  for (const [groups, width, loads] of [[1, 1, 1], [1, 64, 16], [2, 4, 300], [65, 8, 3]] as const) {
    for (const SIDE_BY_SIDE of [0, 1] as const) {
      const measured = streamReadCase(groups, { WORKGROUP_SIZE: width, LOADS: loads, SIDE_BY_SIDE });
      test(measured.name, () => expectRight(device, measured));
    }
  }

  test("with the tiles of this device", () => {
    const tiles = streamTiles(device);
    expect(tiles.length).toBeGreaterThan(1);
    for (const tile of tiles) expectRight(device, streamReadCase(5, tile));
  });
});

test("streamRead() refuses memory that does not end with a workgroup", () => {
  const tile = { WORKGROUP_SIZE: 8, LOADS: 16, SIDE_BY_SIDE: 1 } as const;
  const words = wordsPerGroup(tile) + 4;
  const specs = {
    x: { dtype: "u32", shape: [words], data: new Uint32Array(words) },
    y: { dtype: "u32", shape: [tile.WORKGROUP_SIZE] },
  } as const;
  expect(() => runOp(device, specs, (cmd, { x, y }) => streamRead(cmd, x, y, tile))).toThrow(
    `"words of x" must be a multiple of ${words - 4}`,
  );
});
