import { describe, expect, test } from "bun:test";
import { Arena, planBytes } from "../../src/gpu/memory.ts";
import { Profiler } from "../../src/gpu/profiler.ts";
import { Recorder } from "../../src/gpu/recorder.ts";
import type { Tensor } from "../../src/gpu/tensor.ts";
import { siluMul } from "../../src/ops/silu_mul.ts";
import { openTestDevice } from "../support/gpu.ts";

const device = openTestDevice();

/** Vectors of f32 on a mapped arena, and what they hold. */
function vectors(
  ...lengths: number[]
): { all: Tensor<"f32">[]; floats(index: number): Float32Array } & Disposable {
  const specs = lengths.map((length) => ({ dtype: "f32", shape: [1, length] }) as const);
  const arena = new Arena(device, "test", planBytes(specs), "shared");
  const all = specs.map(({ shape }, index) => arena.tensor(`vector ${index}`, "f32", shape));
  const floats = (index: number) => {
    const view = arena.view(all[index]!);
    return new Float32Array(view.buffer, view.byteOffset, view.byteLength / 4);
  };
  return { all, floats, [Symbol.dispose]: () => arena.dispose() };
}

interface ChainResult {
  readonly values: number[];
  readonly parts: number;
  readonly barriers: number;
}

/** Squashes x [1, 16] to y [1, 8] and copies y to both halves of x, three times over; all that two times. */
function runChain(split: boolean): ChainResult {
  using scope = vectors(16, 8);
  const [x, y] = scope.all as [Tensor<"f32">, Tensor<"f32">];
  scope.floats(0).set(Array.from({ length: 16 }, (_, i) => i / 4));
  using cmd = new Recorder(device);
  for (let layer = 0; layer < 3; layer++) {
    siluMul(cmd, x, y);
    if (split) cmd.split();
    for (const half of [0, 1]) cmd.copy(y, { ...x, shape: [8], offset: x.offset + half * 32 });
  }
  const recording = cmd.finish();
  device.queue.run(recording);
  device.queue.run(recording); // on its own results
  const result = {
    values: [...scope.floats(0)],
    parts: recording.commandBuffers.length,
    barriers: recording.barrierCount,
  };
  recording.dispose();
  return result;
}

describe("Recorder.split()", () => {
  test("changes the submissions and neither the results nor the barriers, also when replayed", () => {
    const [whole, split] = [runChain(false), runChain(true)];
    expect([whole.parts, split.parts]).toEqual([1, 4]);
    expect(split.values).toEqual(whole.values);
    expect(split.values[7]).toBeGreaterThan(0);
    expect(split.barriers).toBe(whole.barriers);
  });

  test("does nothing at the start, at the end, and where nothing was recorded since the last one", () => {
    using scope = vectors(4, 4);
    const [a, b] = scope.all as [Tensor<"f32">, Tensor<"f32">];
    using cmd = new Recorder(device);
    const splitTwice = () => {
      cmd.split();
      cmd.label("nothing");
      cmd.split();
    };
    splitTwice();
    cmd.copy(a, b);
    splitTwice();
    cmd.copy(b, a);
    splitTwice();
    const recording = cmd.finish();
    expect(recording.commandBuffers).toHaveLength(2);
    recording.dispose();
  });

  test("keeps submissions in flight in order, and each raises the timeline by one", () => {
    using scope = vectors(4, 4, 4);
    const [a, b, c] = scope.all as [Tensor<"f32">, Tensor<"f32">, Tensor<"f32">];
    scope.floats(0).set([1, 2, 3, 4]);
    // Each run hands b on to c and then a on to b, so the second one brings a to c.
    using cmd = new Recorder(device);
    cmd.copy(b, c);
    cmd.split();
    cmd.copy(a, b);
    const recording = cmd.finish();
    const first = device.queue.submit(recording);
    const second = device.queue.submit(recording);
    expect(second).toBe(first + 1n);
    device.queue.wait(second);
    recording.dispose();
    expect([...scope.floats(2)]).toEqual([1, 2, 3, 4]);
  });

  test.if(device.info.timestampPeriodNs > 0)("does not disturb the profiler", () => {
    const bytes = 2 ** 24;
    using stack = new DisposableStack();
    const arena = stack.adopt(new Arena(device, "test", 2 * bytes, "device"), (it) => it.dispose());
    const [a, b] = ["a", "b"].map((name) => arena.tensor(name, "u8", [bytes]));
    const profiler = stack.adopt(new Profiler(device), (it) => it.dispose());
    using cmd = new Recorder(device, { profiler });
    for (const name of ["first", "second", "first"]) {
      cmd.label(name);
      cmd.copy(a!, b!);
      cmd.split();
    }
    const recording = stack.adopt(cmd.finish(), (it) => it.dispose());
    expect(recording.commandBuffers).toHaveLength(3);
    for (let run = 0; run < 2; run++) {
      device.queue.run(recording);
      const times = profiler.read();
      expect([...times.keys()]).toEqual(["", "first", "second"]);
      for (const label of ["first", "second"]) {
        // 16 MiB are moved: more than 0.005 ms on any device.
        expect(times.get(label)!).toBeGreaterThan(0.005);
        expect(times.get(label)!).toBeLessThan(10_000);
      }
    }
  });
});
