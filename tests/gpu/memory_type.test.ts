import { describe, expect, test } from "bun:test";
import {
  VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT as local,
  VK_MEMORY_PROPERTY_HOST_CACHED_BIT as cached,
  VK_MEMORY_PROPERTY_HOST_COHERENT_BIT as coherent,
  VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT as visible,
} from "../../ffi/vulkan.gen.ts";
import type { Heap } from "../../src/gpu/device_info.ts";
import { chooseMemoryType, type Placement } from "../../src/gpu/memory_type.ts";

const gib = 2 ** 30;
const allowAll = 0xffff_ffff;

interface Machine {
  readonly heaps: readonly Heap[];
  readonly flags: readonly (readonly [heap: number, flags: number])[];
  readonly unified: boolean;
}

function choose(
  { heaps, flags, unified }: Machine,
  placement: Placement,
  allowed = allowAll,
): number | undefined {
  const types = flags.map(([heap, flag], index) => ({ index, heap, flags: flag }));
  return chooseMemoryType(types, heaps, allowed, placement, unified)?.index;
}

const host = { bytes: 64 * gib, deviceLocal: false };
const smallBar: Machine = {
  heaps: [{ bytes: 24 * gib, deviceLocal: true }, host, { bytes: gib / 4, deviceLocal: true }],
  flags: [
    [1, 0],
    [0, local],
    [1, visible | coherent],
    [1, visible | coherent | cached],
    [2, local | visible | coherent],
  ],
  unified: false,
};
const fullBar: Machine = {
  heaps: [{ bytes: 24 * gib, deviceLocal: true }, host],
  flags: [[0, local], [1, visible | coherent], [1, visible | coherent | cached], [
    0,
    local | visible | coherent,
  ]],
  unified: false,
};
const integrated: Machine = {
  heaps: [{ bytes: 16 * gib, deviceLocal: true }],
  flags: [[0, local], [0, local | visible | coherent], [0, local | visible | coherent | cached]],
  unified: true,
};

describe("chooseMemoryType()", () => {
  test("keeps out of the window of a card that maps 256 MiB", () => {
    expect(choose(smallBar, "device")).toBe(1);
    expect(choose(smallBar, "shared")).toBe(2);
    expect(choose(smallBar, "upload")).toBe(2);
    expect(choose(smallBar, "readback")).toBe(3);
  });

  test("shares device memory where the card maps all of it", () => {
    expect(choose(fullBar, "device")).toBe(0);
    expect(choose(fullBar, "shared")).toBe(3);
    expect(choose(fullBar, "upload")).toBe(1);
    expect(choose(fullBar, "readback")).toBe(2);
  });

  test("maps the device's memory where it is the host's", () => {
    expect(choose(integrated, "device")).toBe(1);
    expect(choose(integrated, "shared")).toBe(1);
    expect(choose(integrated, "upload")).toBe(1);
    expect(choose(integrated, "readback")).toBe(2);
  });

  test("takes only what the buffer allows", () => {
    expect(choose(fullBar, "shared", 0b0110)).toBe(1);
    expect(choose(fullBar, "shared", 0b0001)).toBeUndefined();
  });

  test("takes host memory for the device when it has none of its own", () => {
    const none = { heaps: [host], flags: [[0, visible | coherent]], unified: false } as const;
    expect(choose(none, "device")).toBe(0);
  });
});
