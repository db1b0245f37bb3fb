import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type ByteAccess, HazardTracker } from "../../src/gpu/hazards.ts";
import type { GpuBuffer } from "../../src/gpu/memory.ts";

// The tracker only compares buffers, so bare objects stand for them.
const buffers = [{}, {}] as GpuBuffer[];

function access(kind: "read" | "write" | "both", begin: number, end: number, buffer = 0): ByteAccess {
  return { buffer: buffers[buffer]!, begin, end, reads: kind !== "write", writes: kind !== "read" };
}

describe("HazardTracker.add()", () => {
  test.each(
    [
      ["read after write", "write", "read", true],
      ["write after write", "write", "write", true],
      ["write after read", "read", "write", true],
      ["read after read", "read", "read", false],
    ] as const,
  )("on the same bytes: %s", (_, first, second, barrier) => {
    const tracker = new HazardTracker();
    expect(tracker.add([access(first, 0, 64)])).toBe(false);
    expect(tracker.add([access(second, 60, 70)])).toBe(barrier);
  });

  test("neighbouring bytes and other buffers need no barrier", () => {
    const tracker = new HazardTracker();
    tracker.add([access("write", 64, 128)]);
    expect(tracker.add([access("both", 0, 64), access("both", 128, 256), access("both", 64, 128, 1)])).toBe(
      false,
    );
  });

  test("a barrier settles everything before it, and the command after it counts anew", () => {
    const tracker = new HazardTracker();
    tracker.add([access("write", 0, 64), access("write", 64, 128)]);
    expect(tracker.add([access("read", 0, 64), access("write", 200, 300)])).toBe(true);
    expect(tracker.add([access("read", 64, 128)])).toBe(false);
    expect(tracker.add([access("read", 200, 201)])).toBe(true);
  });

  test("one command may read and write the same bytes", () => {
    expect(new HazardTracker().add([access("read", 0, 64), access("write", 0, 64)])).toBe(false);
  });

  test("agrees with bytes compared one by one", () => {
    const anyAccess = fc.record({
      kind: fc.constantFrom("read", "write", "both"),
      begin: fc.nat(20),
      length: fc.integer({ min: 1, max: 8 }),
      buffer: fc.nat(1),
    }).map(({ kind, begin, length, buffer }) => access(kind, begin, begin + length, buffer));
    const commands = fc.array(fc.array(anyAccess, { minLength: 1, maxLength: 3 }), { maxLength: 12 });
    fc.assert(fc.property(commands, (list) => {
      const tracker = new HazardTracker();
      const slow = new BytewiseTracker();
      for (const command of list) expect(tracker.add(command)).toBe(slow.add(command));
    }));
  });
});

/** The obvious truth: who touched each byte since the last barrier. */
class BytewiseTracker {
  readonly #read = new Set<string>();
  readonly #written = new Set<string>();

  add(command: readonly ByteAccess[]): boolean {
    const touched = command.flatMap(({ buffer, begin, end, writes }) =>
      Array.from(
        { length: end - begin },
        (_, i) => ({ key: `${buffers.indexOf(buffer)}:${begin + i}`, writes }),
      )
    );
    const conflict = touched.some(({ key, writes }) =>
      this.#written.has(key) || (writes && this.#read.has(key))
    );
    if (conflict) this.#read.clear(), this.#written.clear();
    for (const { key, writes } of touched) (writes ? this.#written : this.#read).add(key);
    return conflict;
  }
}
