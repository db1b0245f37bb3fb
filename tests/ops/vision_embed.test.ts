import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { visionEmbedCase, visionEmbedInput } from "../../src/selftest/cases/vision_embed.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);
const device = openTestDevice();
describe("visionEmbed() adds class vector or patch, tile and both positions", () => {
  for (const dtype of ["f32", "bf16", "f16"] as const) {
    for (const [channels, tokens, realTiles] of [[24, 17, 2], [32, 5, 4], [1280, 3, 1]] as const) {
      const kernelCase = visionEmbedCase(visionEmbedInput(channels, tokens, realTiles, dtype));
      test(kernelCase.name, () => expectRight(device, kernelCase));
    }
  }
});

test("visionEmbed() makes padding patches exactly zero", () => {
  const input = visionEmbedInput(24, 17, 2, "f32");
  const { x } = visionEmbedCase(input).run(device);
  for (const [s, [, token]] of input.rows.entries()) {
    if (token >= 17) expect(x.subarray(s * 24, (s + 1) * 24).every((value) => value === 0)).toBe(true);
  }
});

test("visionEmbed() refuses position tables of different dtypes", () => {
  expect(() => visionEmbedCase({ ...visionEmbedInput(24, 5, 1, "bf16"), tileDtype: "f32" }).run(device))
    .toThrow(
      "Position tables must have one dtype, have bf16 and f32",
    );
});
