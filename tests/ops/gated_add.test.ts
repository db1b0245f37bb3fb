import { describe, expect, test } from "bun:test";
import { gatedAddCase } from "../../src/selftest/cases/gated_add.ts";
import { firstDifference } from "../../src/selftest/compare.ts";
import { random } from "../../src/selftest/random.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";

const device = openTestDevice();

describe("gatedAdd() adds to rows that see a tile and leaves the bits of the others", () => {
  for (const [tokens, columns] of [[1, 4], [4, 64], [3, 252], [5, 260], [2, 4096]] as const) {
    test(`T=${tokens} D=${columns}`, () => {
      const kernelCase = gatedAddCase(tokens, columns);
      expectRight(device, kernelCase);
      const blind = (values: Float32Array) => values.filter((_, i) => Math.floor(i / columns) % 2 === 1);
      const before = random(1).normals(tokens * columns);
      expect(firstDifference(blind(kernelCase.run(device).h), blind(before))).toBe(-1);
    });
  }
});
