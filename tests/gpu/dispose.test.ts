import { describe, expect, test } from "bun:test";
import type { Intercept } from "../../ffi/library.ts";
import { VkResult } from "../../ffi/vulkan.gen.ts";
import { Device } from "../../src/gpu/device.ts";
import { DeviceLostError } from "../../src/gpu/errors.ts";
import { Arena, GpuBuffer } from "../../src/gpu/memory.ts";
import { Profiler } from "../../src/gpu/profiler.ts";
import { Recorder, type Recording } from "../../src/gpu/recorder.ts";
import { Uploader } from "../../src/gpu/staging.ts";
import { openTestDevice } from "../support/gpu.ts";
import { withoutUnifiedMemory } from "../support/limited_device.ts";

const { name: select, timestampPeriodNs } = openTestDevice().info;

/** A device of its own that notes every Vulkan command, and may be told to let one fail. */
class Watched implements Disposable {
  readonly calls: string[] = [];
  failing: string | undefined;
  /** Counts down with every submission; at 0 one is broken off by an exception. */
  throwingAt = Infinity;
  /** Command buffers that were taken and not given back. */
  liveCommandBuffers = 0;
  readonly device: Device;

  constructor() {
    const intercept: Intercept = (name, call) => (...args) => {
      this.calls.push(name);
      if (name === this.failing) return VkResult.VK_ERROR_DEVICE_LOST;
      if (name === "vkQueueSubmit" && --this.throwingAt === 0) throw new TypeError("broken off");
      if (name === "vkAllocateCommandBuffers") this.liveCommandBuffers++;
      if (name === "vkFreeCommandBuffers") this.liveCommandBuffers -= Number(args[2]);
      return call(...args);
    };
    this.device = Device.open({ select, intercept });
  }

  /** The commands that something calls. */
  during(run: () => void): string[] {
    this.calls.length = 0;
    run();
    return [...this.calls];
  }

  arena(): Arena {
    return new Arena(this.device, "test", 1024, "shared");
  }

  [Symbol.dispose](): void {
    this.device.dispose();
  }
}

/** Copies between two tensors of an arena, in so many parts. */
function recordCopies(cmd: Recorder, arena: Arena, parts: number): void {
  const [a, b] = [arena.tensor("a", "f32", [4]), arena.tensor("b", "f32", [4])];
  for (let part = 0; part < parts; part++) {
    cmd.copy(a, b);
    cmd.split();
  }
}

function record(device: Device, arena: Arena, parts: number): Recording {
  using cmd = new Recorder(device);
  recordCopies(cmd, arena, parts);
  return cmd.finish();
}

test("a step costs two native calls, and each split one more", () => {
  using watched = new Watched();
  for (const parts of [1, 3]) {
    const arena = watched.arena();
    const recording = record(watched.device, arena, parts);
    const calls = watched.during(() => watched.device.queue.run(recording));
    expect(calls).toEqual([...Array<string>(parts).fill("vkQueueSubmit"), "vkWaitSemaphores"]);
    recording.dispose();
    arena.dispose();
  }
  expect(watched.liveCommandBuffers).toBe(0);
});

test("Queue.submit() waits for what runs when it fails, so that all may be disposed", () => {
  using watched = new Watched();
  const arena = watched.arena();
  const recording = record(watched.device, arena, 2);
  watched.failing = "vkQueueSubmit";
  const calls = watched.during(() =>
    expect(() => watched.device.queue.submit(recording)).toThrow(DeviceLostError)
  );
  expect(calls).toEqual(["vkQueueSubmit", "vkDeviceWaitIdle"]);
  watched.failing = undefined;
  recording.dispose();
  arena.dispose();
});

test("what may still run is waited for when a submission broke off between its parts", () => {
  using watched = new Watched();
  const arena = watched.arena();
  const recording = record(watched.device, arena, 3);
  watched.throwingAt = 2;
  expect(() => watched.device.queue.submit(recording)).toThrow(TypeError);
  const calls = watched.during(() => recording.dispose());
  expect(calls).toEqual(["vkDeviceWaitIdle", "vkFreeCommandBuffers"]);
  expect(watched.during(() => watched.device.queue.settle())).toEqual([]);
  arena.dispose();
});

describe("Recorder.dispose()", () => {
  test("gives back what was recorded when something throws, and leaves alone what was finished", () => {
    using watched = new Watched();
    const { device } = watched;
    const arena = watched.arena();
    const fail = () => {
      using cmd = new Recorder(device);
      recordCopies(cmd, arena, 3);
      throw new RangeError("an operation refuses its shapes");
    };
    expect(fail).toThrow(RangeError);
    expect(watched.liveCommandBuffers).toBe(0);

    let recording: Recording;
    {
      using cmd = new Recorder(device);
      recording = cmd.finish();
      cmd.dispose();
    }
    expect(watched.liveCommandBuffers).toBe(1);
    device.queue.run(recording);
    recording.dispose();
    arena.dispose();
  });

  test("gives back what the constructor took when the profiler refuses", () => {
    if (timestampPeriodNs === 0) return;
    using watched = new Watched();
    const profiler = new Profiler(watched.device);
    new Recorder(watched.device, { profiler }).finish().dispose();
    expect(() => new Recorder(watched.device, { profiler })).toThrow("A profiler serves one recording");
    expect(watched.liveCommandBuffers).toBe(0);
    profiler.dispose();
  });

  test("ends the recorder, as finish() does", () => {
    using watched = new Watched();
    const arena = watched.arena();
    const tensor = arena.tensor("a", "f32", [4]);
    const disposed = new Recorder(watched.device);
    disposed.dispose();
    const finished = new Recorder(watched.device);
    finished.finish().dispose();
    for (const cmd of [disposed, finished]) {
      for (const use of [() => cmd.finish(), () => cmd.split(), () => cmd.copy(tensor, tensor)]) {
        expect(use).toThrow("The recorder is finished or disposed");
      }
    }
    arena.dispose();
  });
});

test("Queue.submit() refuses a disposed recording", () => {
  using watched = new Watched();
  const recording = new Recorder(watched.device).finish();
  recording.dispose();
  expect(() => watched.device.queue.submit(recording)).toThrow("The recording is disposed");
});

describe("dispose() does nothing the second time:", () => {
  const owners: Readonly<Record<string, (device: Device) => { dispose(): void }>> = {
    GpuBuffer: (device) => new GpuBuffer(device, "test", 64, "shared"),
    Arena: (device) => new Arena(device, "test", 64, "shared"),
    Recorder: (device) => new Recorder(device),
    Recording: (device) => new Recorder(device).finish(),
    Uploader: (device) => {
      const arena = new Arena(withoutUnifiedMemory(device), "weights", 256, "device");
      const uploader = new Uploader(device, 64);
      uploader.write(arena.tensor("w", "f32", [4]), 0, 16, ({ bytes }) => bytes.fill(1));
      uploader.flush();
      arena.dispose();
      return uploader;
    },
    ...(timestampPeriodNs > 0 && { Profiler: (device: Device) => new Profiler(device) }),
  };

  test.each(Object.keys(owners))("%s", (name) => {
    using watched = new Watched();
    const owner = owners[name]!(watched.device);
    expect(watched.during(() => owner.dispose())).not.toEqual([]);
    expect(watched.during(() => owner.dispose())).toEqual([]);
  });

  test("Device", () => {
    const watched = new Watched();
    expect(watched.during(() => watched.device.dispose()).at(-1)).toBe("vkDestroyInstance");
    expect(watched.during(() => watched.device.dispose())).toEqual([]);
  });
});
