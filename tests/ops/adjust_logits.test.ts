import { describe, setDefaultTimeout, test } from "bun:test";
import { adjustLogitsCase } from "../../src/selftest/cases/adjust_logits.ts";
import { openTestDevice } from "../support/gpu.ts";
import { expectRight } from "../support/kernel_case.ts";
import { bothDeviceTypes } from "../support/limited_device.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);
const testDevice = openTestDevice();

for (const [kind, device] of bothDeviceTypes(testDevice)) {
  describe(`${kind}: adjustLogits() adds biases, then penalties, then the mask`, () => {
    for (const columns of [2, 31, 33, 1024, 1025, 128256]) {
      const kernelCase = adjustLogitsCase(columns);
      test(kernelCase.name, () => expectRight(device, kernelCase));
    }
  });
}
