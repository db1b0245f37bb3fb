import { describe, expect, test } from "bun:test";
import { gatedAdd } from "../../src/ops/gated_add.ts";
import * as reference from "../reference/gated_add.ts";
import { firstDifference, relativeL2 } from "../support/compare.ts";
import { openTestDevice } from "../support/gpu.ts";
import { random } from "../support/random.ts";
import { runOp } from "../support/run_op.ts";

const device = openTestDevice();

describe("gatedAdd() adds to rows that see a tile and leaves the bits of the others", () => {
  for (const [tokens, columns] of [[1, 4], [4, 64], [3, 252], [5, 260], [2, 4096]] as const) {
    test(`T=${tokens} D=${columns}`, () => {
      const rng = random(1);
      const [h, branch] = [rng.normals(tokens * columns), rng.normals(tokens * columns)];
      const ranges = [[0, 1], [2, 2], [3, 7], [5, 4]];
      const rowTiles = Uint32Array.from({ length: 2 * tokens }, (_, i) => ranges[(i >> 1) % 4]![i % 2]!);
      const have = runOp(device, {
        h: { dtype: "f32", shape: [tokens, columns], data: h, inPlace: true },
        branch: { dtype: "f32", shape: [tokens, columns], data: branch },
        rowTiles: { dtype: "u32", shape: [tokens, 2], data: rowTiles },
      }, (cmd, { h, branch, rowTiles }) => gatedAdd(cmd, h, branch, -0.625, rowTiles)).h;
      expect(relativeL2(have, reference.gatedAdd(h, branch, -0.625, rowTiles, columns))).toBeLessThan(1e-7);
      const blind = (values: Float32Array) => values.filter((_, i) => Math.floor(i / columns) % 2 === 1);
      expect(firstDifference(blind(have), blind(h))).toBe(-1);
    });
  }
});
