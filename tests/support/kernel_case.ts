import { expect } from "bun:test";
import type { Device } from "../../src/gpu/device.ts";
import type { KernelCase } from "../../src/selftest/kernel_case.ts";

/** Fails unless every output of the case is within its limit of the reference. */
export function expectRight(device: Device, kernelCase: KernelCase): void {
  for (const { tensor, error, limit } of kernelCase.measure(device)) {
    expect(error, `error of "${tensor}"`).toBeLessThanOrEqual(limit);
  }
}
