import { describe, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import type { Kernel } from "../../src/gpu/kernel.ts";
import { Recorder } from "../../src/gpu/recorder.ts";
import { kernels } from "../../src/ops/registry.ts";
import { siluMul, siluMulKernel } from "../../src/ops/silu_mul.ts";
import { kernelCases } from "../../src/selftest/cases.ts";
import { type Expected, type KernelCase, kernelCase, within } from "../../src/selftest/kernel_case.ts";
import { selfTest } from "../../src/selftest/self_test.ts";
import { testTransfer } from "../../src/selftest/transfer.ts";
import { openTestDevice } from "../support/gpu.ts";
import { bothDeviceTypes, withoutUnifiedMemory } from "../support/limited_device.ts";
import { testLimitMs } from "../support/test_limit.ts";

// CPU drivers compile a kernel at its first dispatch, some for seconds.
setDefaultTimeout(testLimitMs);
const testDevice = openTestDevice();

describe("kernelCases()", () => {
  test("has a case for every kernel of the registry", () => {
    const covered = new Set<Kernel>(kernelCases().map(({ kernel }) => kernel));
    expect(kernels.filter((kernel) => !covered.has(kernel)).map(({ shader }) => shader)).toEqual([]);
  });

  test("has cases that dispatch the kernel they name, and compare something", () => {
    using dispatch = spyOn(Recorder.prototype, "dispatch");
    for (const each of kernelCases()) {
      dispatch.mockClear();
      expect(each.measure(testDevice).length).toBeGreaterThan(0);
      const dispatched = dispatch.mock.calls.map(([kernel]) => kernel.shader);
      expect(new Set(dispatched)).toEqual(new Set([each.kernel.shader]));
    }
  });

  test("gives its cases different names, so that a report says which one failed", () => {
    const names = kernelCases().map(({ kernel, name }) => `${kernel.shader}: ${name}`);
    expect(names).toEqual([...new Set(names)]);
  });
});

describe("selfTest()", () => {
  test.each(bothDeviceTypes(testDevice))("%s: finds every kernel right", (_, device) => {
    const reports = [...selfTest(device)];
    expect(reports.map(({ kernel }) => kernel)).toEqual(kernels.map(({ shader }) => shader));
    expect(reports.filter(({ passed }) => !passed)).toEqual([]);
  });

  /** A case of silu_mul whose parts a test may break. */
  function siluCase(parts: { want?: Expected; record?: "nothing" | "throw" | "input" }): KernelCase {
    return kernelCase({
      kernel: siluMulKernel,
      name: parts.record ?? "right",
      tensors: {
        gateUp: { dtype: "f32", shape: [1, 8], data: new Float32Array(8) },
        y: { dtype: "f32", shape: [1, 4] },
        read: { dtype: "f32", shape: [1, 4], data: new Float32Array(4).fill(1) },
      },
      record: (cmd, { gateUp, y, read }) => {
        if (parts.record === "throw") throw new RangeError("no such kernel here");
        if (parts.record !== "nothing") siluMul(cmd, gateUp, parts.record === "input" ? read : y);
      },
      want: () => ({ y: parts.want ?? within(1e-6, [0, 0, 0, 0]) }),
    });
  }
  const report = (...cases: KernelCase[]) => [...selfTest(testDevice, cases, [siluMulKernel])][0]!;

  test("fails a kernel whose numbers are wrong, and names the worst case", () => {
    const wrong = report(siluCase({}), siluCase({ want: within(0.25, [4, 0, 0, 3]) }));
    expect(wrong).toEqual({
      kernel: "silu_mul",
      passed: false,
      caseCount: 2,
      worstCase: 'right, "y"',
      error: 1,
      limit: 0.25,
    });
  });

  test("fails a kernel that leaves its output as it was, which is NaN", () => {
    expect(report(siluCase({ record: "nothing" }))).toMatchObject({ passed: false, error: Infinity });
  });

  test("fails a kernel that throws, and goes on", () => {
    const reports = [
      ...selfTest(testDevice, [siluCase({ record: "throw" }), siluCase({})], [siluMulKernel, siluMulKernel]),
    ];
    expect(reports.map(({ failure }) => failure)).toEqual(["no such kernel here", "no such kernel here"]);
  });

  test("fails a kernel that writes into what it may only read", () => {
    const { passed, failure } = report(siluCase({ record: "input" }));
    expect({ passed, failure }).toEqual({
      passed: false,
      failure: 'The kernel must write its outputs only, it wrote into "read"',
    });
  });
});

test.each([["mapped", testDevice], ["staged", withoutUnifiedMemory(testDevice)]] as const)(
  "testTransfer() gets its bytes back, %s",
  (_, device) => {
    const { changed, sent } = testTransfer(device);
    expect({ changed, isEnough: sent > 1e6 }).toEqual({ changed: 0, isEnough: true });
  },
);
