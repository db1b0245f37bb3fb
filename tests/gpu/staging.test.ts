import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/base/assert.ts";
import type { Device } from "../../src/gpu/device.ts";
import { Arena } from "../../src/gpu/memory.ts";
import { Recorder } from "../../src/gpu/recorder.ts";
import { Uploader } from "../../src/gpu/staging.ts";
import { openTestDevice } from "../support/gpu.ts";
import { withoutUnifiedMemory } from "../support/limited_device.ts";

const device = openTestDevice();
const ringBytes = 4 * 1024; // windows of 1 KiB

/** Uploads 10,000 bytes at offset 100 of a tensor of 16,384 and returns the tensor's bytes and the windows' lengths. */
function upload(target: Device): { got: Uint8Array; windows: number[]; want: Uint8Array } {
  const arena = new Arena(target, "weights", 16_384, "device");
  const result = new Arena(device, "result", 16_384, "readback");
  const tensor = arena.tensor("weight", "bf16", [8192]);
  const out = result.tensor("out", "bf16", [8192]);
  const uploader = new Uploader(target, ringBytes);
  const windows: number[] = [];
  let position = 0;
  uploader.write(tensor, 100, 10_000, ({ bytes }) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = (position + i) % 251;
    position += bytes.length;
    windows.push(bytes.length);
  });
  uploader.flush();
  const cmd = new Recorder(device);
  cmd.copy(tensor, out);
  const recording = cmd.finish();
  device.queue.run(recording);
  const got = result.view(out).slice();
  recording.dispose();
  uploader.dispose();
  for (const owner of [arena, result]) owner.dispose();
  const want = new Uint8Array(16_384);
  for (let i = 0; i < 10_000; i++) want[100 + i] = i % 251;
  return { got, windows, want };
}

describe("Uploader.write()", () => {
  test("sends windows through the staging ring where memory is not mapped", () => {
    const { got, windows, want } = upload(withoutUnifiedMemory(device));
    expect(got).toEqual(want);
    expect(windows).toEqual([...Array.from({ length: 9 }, () => 1024), 10_000 - 9 * 1024]);
  });

  test.if(device.info.unifiedMemory)("writes in place, in one window, where memory is mapped", () => {
    const { got, windows, want } = upload(device);
    expect(got).toEqual(want);
    expect(windows).toEqual([10_000]);
  });

  test("refuses to write beyond the tensor", () => {
    const arena = new Arena(device, "weights", 256, "device");
    const uploader = new Uploader(device);
    expect(() => uploader.write(arena.tensor("w", "f32", [4]), 8, 9, () => {})).toThrow(AssertionError);
    uploader.dispose();
    arena.dispose();
  });
});
