import { formatBytes } from "../base/units.ts";
import type { Device } from "../gpu/device.ts";
import { describeNeeds } from "../gpu/needs.ts";
import { deviceHeapBytes } from "../model/plan.ts";
import type { KernelReport } from "../selftest/self_test.ts";
import { testTransfer } from "../selftest/transfer.ts";
import { failure } from "./check_system.ts";
import type { Check } from "./reports.ts";

const distrust = "Do not trust answers from this device: update its driver, or choose another with --device";

/** Which device the other commands would use. */
export function checkSelection({ info }: Pick<Device, "info">): Check {
  const name = "chosen device";
  const detail = `${info.index} "${info.name}"`;
  if (info.type !== "cpu") return { name, status: "ok", detail };
  const remedy = "Install the graphics card's Vulkan driver if there is a card: computing on the CPU is slow";
  return { name, status: "warn", detail: `${detail}, which is the CPU`, remedy };
}

/** What the device has of all that is needed. It could be opened, so it has enough. */
export function checkFeatures({ physical }: Pick<Device, "physical">): Check {
  return { name: "features", status: "ok", detail: describeNeeds(physical.capabilities).join(", ") };
}

/** Weights of Llama-3.2-11B-Vision in bf16, the smallest model of the family. */
const smallestModelBytes = 21_340_441_670;

/** Whether the smallest model has room; by the bytes that a memory plan has to fit. */
export function checkMemory({ info }: Pick<Device, "info">): Check {
  const name = "memory";
  const bytes = deviceHeapBytes(info);
  const place = info.type === "cpu"
    ? "of the host's memory"
    : `in the device's largest heap${info.unifiedMemory ? ", shared with the host" : ""}`;
  const detail = `${formatBytes(bytes)} ${place}`;
  if (bytes > smallestModelBytes) return { name, status: "ok", detail };
  return {
    name,
    status: "warn",
    detail: `${detail}; the 11B model has ${formatBytes(smallestModelBytes)} of weights`,
    remedy: "Use a device with more memory; `llamav inspect MODEL` prints what a model needs",
  };
}

export function checkTransfer(device: Device): Check {
  const name = "transfer";
  try {
    const { changed, sent } = testTransfer(device);
    if (changed === 0) {
      return { name, status: "ok", detail: `${formatBytes(sent)} came back from the device unchanged` };
    }
    const detail = `${changed} of ${sent} bytes came back changed`;
    return { name, status: "fail", detail, remedy: distrust };
  } catch (error) {
    return failure(name, error, distrust);
  }
}

/** The self-test of a kernel in words. */
export function describeKernel(report: KernelReport): Check {
  const { kernel, passed, caseCount, worstCase, error, limit, failure } = report;
  const name = `kernel ${kernel}`;
  const cases = caseCount === 1 ? "1 case" : `${caseCount} cases`;
  if (passed) {
    const found = limit === 0
      ? "exact"
      : `error ${error.toExponential(1)} of at most ${limit.toExponential(0)}`;
    return { name, status: "ok", detail: `${found} in ${cases}` };
  }
  const found = failure ??
    (Number.isFinite(error)
      ? `error ${error.toExponential(1)}, at most ${limit.toExponential(0)}`
      : "wrong values");
  return { name, status: "fail", detail: `${found}, in the case ${worstCase}`, remedy: distrust };
}
