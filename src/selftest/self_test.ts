import { assert } from "../base/assert.ts";
import type { Device } from "../gpu/device.ts";
import type { Kernel } from "../gpu/kernel.ts";
import { kernels } from "../ops/registry.ts";
import { kernelCases } from "./cases.ts";
import type { KernelCase, Measurement } from "./kernel_case.ts";

/** What the self-test found about one kernel. */
export interface KernelReport {
  /** Name of the shader. */
  readonly kernel: string;
  readonly passed: boolean;
  readonly caseCount: number;
  /** The case that came nearest to its limit, or first exceeded it: sizes, dtype and tensor. */
  readonly worstCase: string;
  /** The distance from the f64 reference there, and what it may be. Infinite for NaN, and for a run that failed. */
  readonly error: number;
  readonly limit: number;
  /** What went wrong, where a run failed instead of giving numbers. */
  readonly failure?: string;
}

/**
 * Runs every kernel on small, awkward cases and compares it with its f64 reference, one report per kernel in the
 * order of the registry. A kernel that fails ends neither the process nor the test.
 */
export function* selfTest(
  device: Device,
  cases: readonly KernelCase[] = kernelCases(),
  judged: readonly Kernel[] = kernels,
): Generator<KernelReport> {
  const byKernel = Map.groupBy(cases, (each) => each.kernel);
  for (const kernel of judged) {
    const own = byKernel.get(kernel);
    assert(own, `${kernel.shader} has no self-test`);
    yield judge(device, kernel, own);
  }
}

function judge(device: Device, { shader: kernel }: Kernel, cases: readonly KernelCase[]): KernelReport {
  const caseCount = cases.length;
  let worst: { worstCase: string; error: number; limit: number } | undefined;
  for (const each of cases) {
    let measurements: readonly Measurement[];
    try {
      measurements = each.measure(device);
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      return { kernel, passed: false, caseCount, worstCase: each.name, error: Infinity, limit: 0, failure };
    }
    for (const { tensor, error, limit } of measurements) {
      if (worst && severity({ error, limit }) <= severity(worst)) continue;
      worst = { worstCase: `${each.name}, "${tensor}"`, error, limit };
    }
  }
  assert(worst, `a case of ${kernel} compares nothing`);
  return { kernel, passed: worst.error <= worst.limit, caseCount, ...worst };
}

/** The share of its limit that an error takes. */
function severity({ error, limit }: { error: number; limit: number }): number {
  return error === 0 ? 0 : error / limit;
}
