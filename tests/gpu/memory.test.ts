import { describe, expect, test } from "bun:test";
import { DeviceError } from "../../src/base/errors.ts";
import { Arena, type Placement, planBytes } from "../../src/gpu/memory.ts";
import { Recorder } from "../../src/gpu/recorder.ts";
import type { Tensor } from "../../src/gpu/tensor.ts";
import { openTestDevice } from "../support/gpu.ts";
import { limitDevice, withoutUnifiedMemory } from "../support/limited_device.ts";

const device = openTestDevice();

test("planBytes() counts what an arena needs, alignment included", () => {
  expect(planBytes([])).toBe(0);
  expect(
    planBytes([{ dtype: "bf16", shape: [3, 5] }, { dtype: "f32", shape: [64] }, {
      dtype: "u8",
      shape: [257],
    }]),
  )
    .toBe(256 + 256 + 512);
});

describe("Arena", () => {
  test.each<Placement>(["device", "shared", "upload", "readback"])(
    "gives zeroed, aligned memory: %s",
    (placement) => {
      const arena = new Arena(device, "test", 1024, placement);
      const tensors = [
        arena.tensor("a", "u8", [3]),
        arena.tensor("b", "f32", [100]),
        arena.tensor("c", "u32", []),
      ];
      expect(tensors.map(({ offset }) => offset)).toEqual([0, 256, 768]);
      for (const tensor of tensors) expect(arena.view(tensor).every((byte) => byte === 0)).toBe(true);
      arena.dispose();
    },
  );

  test("says what is needed and what is left when it is full", () => {
    const arena = new Arena(device, "activations", 512, "device");
    arena.tensor("a", "f32", [64]);
    expect(() => arena.tensor("b", "f32", [65])).toThrow(
      'Cannot place b in the arena "activations": need 512 bytes, have 256',
    );
    expect(arena.tensor("c", "f32", [64]).offset).toBe(256);
    arena.dispose();
  });

  test("splits itself into blocks, and a tensor lies in one of them", () => {
    const small = limitDevice(device, { maxAllocationBytes: 1024 });
    const specs = [700, 700, 200, 1024].map((bytes) => ({ dtype: "u8", shape: [bytes] }) as const);
    const arena = new Arena(small, "weights", planBytes(specs), "device");
    const tensors = specs.map(({ shape }, index) => arena.tensor(`t${index}`, "u8", shape));
    const blocks = [...new Set(tensors.map(({ buffer }) => buffer))];
    // The third fits into what the first left free.
    expect(tensors.map(({ buffer }) => blocks.indexOf(buffer))).toEqual([0, 1, 0, 2]);
    for (const { buffer, offset, shape } of tensors) {
      expect(offset + shape[0]!).toBeLessThanOrEqual(buffer.bytes);
    }
    expect(Math.max(...blocks.map(({ bytes }) => bytes))).toBe(1024);
    expect(arena.allocatedBytes).toBe(3 * 1024);
    arena.dispose();
  });

  test("refuses a tensor longer than one allocation", () => {
    const arena = new Arena(limitDevice(device, { maxAllocationBytes: 1024 }), "weights", 4096, "device");
    expect(() => arena.tensor("huge", "u8", [1025])).toThrow(DeviceError);
    arena.dispose();
  });

  test("does not map device memory that is not the host's, and view() says so", () => {
    const arena = new Arena(withoutUnifiedMemory(device), "weights", 256, "device");
    const tensor = arena.tensor("a", "f32", [4]);
    expect(() => arena.view(tensor)).toThrow(TypeError);
    arena.dispose();
  });

  test("views become empty when it is disposed, instead of pointing to freed memory", () => {
    const arena = new Arena(device, "test", 256, "shared");
    const view = arena.view(arena.tensor("a", "f32", [4]));
    arena.dispose();
    expect(view.length).toBe(0);
  });

  test("holds a tensor without elements", () => {
    const arena = new Arena(device, "test", 256, "shared");
    const [empty, full] = [arena.tensor("empty", "f32", [0, 4]), arena.tensor("full", "f32", [64])];
    expect(arena.view(empty).length).toBe(0);
    expect(full.offset).toBe(0);
    arena.dispose();
  });

  test("is filled with zeros on the device too", () => {
    const hidden = new Arena(withoutUnifiedMemory(device), "hidden", 1024, "device");
    const visible = new Arena(device, "visible", 1024, "readback");
    const from: Tensor = hidden.tensor("from", "u8", [1024]);
    const to = visible.tensor("to", "u8", [1024]);
    visible.view(to).fill(0xff);
    const cmd = new Recorder(device);
    cmd.copy(from, to);
    const recording = cmd.finish();
    device.queue.run(recording);
    recording.dispose();
    expect(visible.view(to).every((byte) => byte === 0)).toBe(true);
    hidden.dispose();
    visible.dispose();
  });
});
