import { describe, expect, test } from "bun:test";
import { runGpuChild } from "../support/gpu_child.ts";
import { testLimitMs } from "../support/test_limit.ts";

describe("the validation layer of the tests", () => {
  test("says nothing about a device that is opened and disposed", async () => {
    expect(await runGpuChild("planted_fault", ["none"])).toEqual({ output: "", errors: "", code: 0 });
  });

  test.each([
    ["leak", /VUID-vkDestroyDevice-device-\d+/],
    ["hazard", /SYNC-HAZARD-READ[_-]AFTER[_-]WRITE/],
    ["usage", /VUID-vkCmdCopyBuffer-size-\d+/],
  ])("reports a planted %s", async (fault, message) => {
    const { output } = await runGpuChild("planted_fault", [fault]);
    expect(output).toMatch(message);
  });
});

test("whichever Vulkan command fails, it is reported and nothing is left behind", async () => {
  const { output, errors, code } = await runGpuChild("failing_commands");
  expect({ output, code }).toEqual({ output: "", code: 0 });
  // The number of commands that were made to fail.
  expect(Number(errors)).toBeGreaterThan(50);
}, testLimitMs);
