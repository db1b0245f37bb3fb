import { describe, setDefaultTimeout, test } from "bun:test";
import { countTokensCase } from "../../src/selftest/cases/count_tokens.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { bothDeviceTypes } from "../support/limited_device.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);
const testDevice = openTestDevice();

for (const [kind, device] of bothDeviceTypes(testDevice)) {
  describe(`${kind}: countTokens() counts prompt and answer apart`, () => {
    for (
      const [promptLength, length, vocabSize] of [
        [0, 0, 1],
        [1, 1, 5],
        [3, 40, 1023],
        [40, 40, 1025],
        [700, 3000, 2048],
        [100, 9000, 128256],
      ] as const
    ) {
      const kernelCase = countTokensCase(promptLength, length, vocabSize);
      test(kernelCase.name, () => expectRight(device, kernelCase));
    }
  });
}
