import { describe, expect, test } from "bun:test";
import { DeviceError } from "../../src/base/errors.ts";
import type { DeviceType, PhysicalDevice } from "../../src/gpu/device_info.ts";
import { selectDevice } from "../../src/gpu/select_device.ts";

/** A device of which only what the choice looks at is filled in. */
function device(index: number, name: string, type: DeviceType, missing: string[] = []): PhysicalDevice {
  return { info: { index, name, type, missing } } as unknown as PhysicalDevice;
}

const cpu = device(0, "llvmpipe", "cpu");
const integrated = device(1, "Iris Xe", "integrated");
const discrete = device(2, "Arc B580", "discrete");
const tooOld = device(3, "Ancient 9", "discrete", ["Vulkan 1.2 (it has 1.0.3)", "a compute queue"]);
const all = [cpu, integrated, tooOld, discrete];

describe("selectDevice()", () => {
  test("prefers discrete, then integrated, then the CPU, and skips what cannot be used", () => {
    expect(selectDevice(all)).toBe(discrete);
    expect(selectDevice([cpu, integrated])).toBe(integrated);
    expect(selectDevice([tooOld, cpu], "")).toBe(cpu);
  });

  test.each([["1", integrated], ["cpu", cpu], ["arc", discrete], ["b580", discrete], [
    "integrated",
    integrated,
  ]])(
    "understands %p",
    (select, want) => expect(selectDevice(all, select)).toBe(want),
  );

  test("says what there is when nothing matches", () => {
    expect(() => selectDevice([cpu, discrete], "radeon")).toThrow(
      'Cannot open the device "radeon": it must be an index, a type or part of the name of 0 "llvmpipe" (cpu), 2 "Arc B580" (discrete)',
    );
    expect(() => selectDevice(all, "9")).toThrow(DeviceError);
    // Whoever chose it: a flag, a variable or the settings file.
    expect(() => selectDevice(all, "9")).toThrow(
      expect.objectContaining({
        remedy: "Choose one of these with --device; where none is chosen, the best of them is used",
      }),
    );
  });

  test("says what the chosen device lacks", () => {
    expect(() => selectDevice(all, "ancient")).toThrow(
      'Cannot use "Ancient 9": it lacks Vulkan 1.2 (it has 1.0.3) and a compute queue',
    );
  });

  test("names the driver package when there is no device at all", () => {
    try {
      selectDevice([]);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(DeviceError);
      expect((error as DeviceError).remedy).toContain("mesa-vulkan-drivers");
    }
  });
});
