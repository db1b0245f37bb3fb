import { afterAll, describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/base/assert.ts";
import { bindArguments, packScalars } from "../../src/gpu/arguments.ts";
import { kernel, optional, read, readWrite, write } from "../../src/gpu/kernel.ts";
import { Arena, planBytes } from "../../src/gpu/memory.ts";
import { Recorder } from "../../src/gpu/recorder.ts";
import { sliceRows, type Tensor } from "../../src/gpu/tensor.ts";
import { siluMul, siluMulKernel } from "../../src/ops/silu_mul.ts";
import { openTestDevice } from "../support/gpu.ts";

const device = openTestDevice();

function floats(arena: Arena, tensor: Tensor): Float32Array {
  const view = arena.view(tensor);
  return new Float32Array(view.buffer, view.byteOffset, view.byteLength / 4);
}

/** An arena with f32 tensors of the given shapes. */
function tensorsOf(...shapes: number[][]): { arena: Arena; tensors: Tensor<"f32">[] } & Disposable {
  const specs = shapes.map((shape) => ({ dtype: "f32", shape }) as const);
  const arena = new Arena(device, "test", planBytes(specs), "shared");
  const tensors = specs.map(({ shape }, index) => arena.tensor(`tensor ${index}`, "f32", shape));
  return { arena, tensors, [Symbol.dispose]: () => arena.dispose() };
}

const silu = (value: number): number => value / (1 + Math.exp(-value));

describe("Recorder", () => {
  test("dispatch() runs a kernel, and a recording can be run again on new data", () => {
    using scope = tensorsOf([3, 16], [3, 8]);
    const [gateUp, y] = scope.tensors as [Tensor<"f32">, Tensor<"f32">];
    const cmd = new Recorder(device);
    siluMul(cmd, gateUp, y);
    const recording = cmd.finish();
    for (const value of [2, -1, 0.5]) {
      floats(scope.arena, gateUp).fill(value);
      device.queue.run(recording);
      for (const got of floats(scope.arena, y)) expect(got).toBeCloseTo(silu(value) * value, 5);
    }
    recording.dispose();
  });

  test("that compiles only makes the pipelines and touches no tensor", () => {
    using scope = tensorsOf([3, 16], [3, 8], [3, 8]);
    const [gateUp, y, copy] = scope.tensors as [Tensor<"f32">, Tensor<"f32">, Tensor<"f32">];
    floats(scope.arena, gateUp).fill(1);
    floats(scope.arena, y).fill(7);
    const compiled = device.pipelines.count;
    const cmd = new Recorder(device, { compileOnly: true });
    cmd.dispatch(siluMulKernel, { gateUp, y, columns: 8 }, [1], { WORKGROUP_SIZE: 16 });
    cmd.copy(y, copy);
    cmd.split();
    siluMul(cmd, gateUp, y);
    const recording = cmd.finish();
    device.queue.run(recording);
    expect(device.pipelines.count).toBeGreaterThan(compiled);
    expect([...floats(scope.arena, y)]).toEqual(Array(24).fill(7));
    expect([...floats(scope.arena, copy)]).toEqual(Array(24).fill(0));
    recording.dispose();
  });

  test("orders commands that depend on each other, and only those", () => {
    using scope = tensorsOf([1, 16], [1, 8], [1, 16], [1, 8], [1, 8]);
    const [a, b, c, d, e] = scope.tensors as [
      Tensor<"f32">,
      Tensor<"f32">,
      Tensor<"f32">,
      Tensor<"f32">,
      Tensor<"f32">,
    ];
    floats(scope.arena, a).fill(1);
    floats(scope.arena, c).fill(3);
    const cmd = new Recorder(device);
    siluMul(cmd, a, b);
    siluMul(cmd, c, d); // independent
    cmd.copy(b, e); // reads what was written: a barrier
    cmd.copy(d, b); // overwrites what was read: a barrier
    const recording = cmd.finish();
    device.queue.run(recording);
    recording.dispose();
    expect(recording.dispatchCount).toBe(2);
    expect(recording.barrierCount).toBe(2);
    expect(floats(scope.arena, e)[0]).toBeCloseTo(silu(1), 6);
    expect(floats(scope.arena, b)[0]).toBeCloseTo(silu(3) * 3, 5);
  });

  test("sees the results of recordings submitted before without a wait in between", () => {
    using scope = tensorsOf([4], [4], [4]);
    const [a, b, c] = scope.tensors as [Tensor<"f32">, Tensor<"f32">, Tensor<"f32">];
    floats(scope.arena, a).set([1, 2, 3, 4]);
    const recordings = [[a, b], [b, c]].map(([from, to]) => {
      const cmd = new Recorder(device);
      cmd.copy(from!, to!);
      return cmd.finish();
    });
    const values = recordings.map((recording) => device.queue.submit(recording));
    device.queue.wait(values.at(-1)!);
    for (const recording of recordings) recording.dispose();
    expect([...floats(scope.arena, c)]).toEqual([1, 2, 3, 4]);
  });

  test("one recording may be in flight twice", () => {
    using scope = tensorsOf([4], [4]);
    const [a, b] = scope.tensors as [Tensor<"f32">, Tensor<"f32">];
    floats(scope.arena, a).fill(7);
    const cmd = new Recorder(device);
    cmd.copy(a, b);
    const recording = cmd.finish();
    const first = device.queue.submit(recording);
    const second = device.queue.submit(recording);
    expect(second).toBe(first + 1n);
    device.queue.wait(second);
    recording.dispose();
    expect([...floats(scope.arena, b)]).toEqual([7, 7, 7, 7]);
  });

  test("works on rows of a tensor and leaves the others alone", () => {
    using scope = tensorsOf([4, 128], [4, 64]);
    const [gateUp, y] = scope.tensors as [Tensor<"f32">, Tensor<"f32">];
    floats(scope.arena, gateUp).fill(1);
    const cmd = new Recorder(device);
    siluMul(cmd, sliceRows(gateUp, 1, 3), sliceRows(y, 1, 3));
    const recording = cmd.finish();
    device.queue.run(recording);
    recording.dispose();
    const rows = [0, 1, 2, 3].map((row) => floats(scope.arena, y)[row * 64]!);
    expect(rows.map((value) => value !== 0)).toEqual([false, true, true, false]);
  });
});

describe("Recorder.dispatch() refuses", () => {
  const dispatch = (args: object, groups: [number, number?, number?], spec = {}): () => void => () => {
    using cmd = new Recorder(device);
    cmd.dispatch(siluMulKernel, args as never, groups, spec);
  };
  const scope = tensorsOf([2, 16], [2, 8]);
  const [gateUp, y] = scope.tensors as [Tensor<"f32">, Tensor<"f32">];
  afterAll(() => scope.arena.dispose());
  const good = { gateUp, y, columns: 8 };

  test.each<[string, () => void, string]>([
    ["a grid of zero", dispatch(good, [0]), "grid [0, 1, 1]"],
    ["a fractional grid", dispatch(good, [1.5]), "grid [1.5, 1, 1]"],
    ["a grid beyond the limit", dispatch(good, [1, 2 ** 31]), "each must be 1.."],
    [
      "a missing tensor",
      dispatch({ gateUp, columns: 8 }, [1]),
      "silu_mul.y must be a tensor, have undefined",
    ],
    [
      "a missing scalar",
      dispatch({ gateUp, y }, [1]),
      "silu_mul.columns must be of type u32, have undefined",
    ],
    ["an unknown argument", dispatch({ ...good, z: 1 }, [1]), "silu_mul has no argument z"],
    ["an unknown constant", dispatch(good, [1], { TILE: 1 }), "silu_mul has no constant TILE"],
    ["a number for a tensor", dispatch({ ...good, y: 3 }, [1]), "silu_mul.y must be a tensor, have 3"],
    [
      "too large a workgroup",
      dispatch(good, [1], { WORKGROUP_SIZE: 2 ** 20 }),
      "1048576 invocations, at most",
    ],
    [
      "another dtype",
      dispatch({ ...good, y: { ...y, dtype: "u32" } }, [1]),
      "tensor 1 is u32, the shader reads f32x4",
    ],
    [
      "a misaligned tensor",
      dispatch({ ...good, y: { ...y, offset: y.offset + 4 } }, [1]),
      "not a multiple of",
    ],
    [
      "a negative count",
      dispatch({ ...good, columns: -1 }, [1]),
      "silu_mul.columns must be of type u32, have -1",
    ],
    ["half a vector to write", dispatch({ ...good, y: { ...y, shape: [7] } }, [1]), "is not whole f32x4"],
    [
      "a tensor beyond its buffer",
      dispatch({ ...good, y: { ...y, shape: [1000] } }, [1]),
      "ends beyond its buffer",
    ],
  ])("%s", (_, run, message) => {
    expect(run).toThrow(AssertionError);
    expect(run).toThrow(message);
  });
});

test("a tensor of a disposed arena is refused", () => {
  const scope = tensorsOf([1, 16], [1, 8]);
  const [gateUp, y] = scope.tensors as [Tensor<"f32">, Tensor<"f32">];
  scope.arena.dispose();
  using cmd = new Recorder(device);
  expect(() => siluMul(cmd, gateUp, y)).toThrow("tensor 0 lies in an arena that is gone");
  expect(() => cmd.copy(y, y)).toThrow("its arena is gone");
});

describe("arguments", () => {
  const fake = kernel({
    shader: "fake",
    args: {
      table: read("words4"),
      bias: optional(read("f32")),
      count: "u32",
      out: write("f32"),
      state: readWrite("u32"),
      scale: "f32",
      shift: "i32",
    },
    spec: { WORKGROUP_SIZE: 64 },
  });

  test("bindArguments() binds in order of declaration, and the dummy for what is left out", () => {
    const arena = new Arena(device, "test", 1024, "shared");
    const table = arena.tensor("table", "bf16", [5]);
    const out = arena.tensor("out", "f32", [3]);
    const state = arena.tensor("state", "i32", [1]);
    const bound = bindArguments(device, fake, {
      table,
      bias: undefined,
      out,
      state,
      count: 1,
      scale: 1,
      shift: 1,
    });
    expect(bound.map(({ offset, range }) => [offset, range])).toEqual([[0, 16], [0, 256], [256, 12], [
      512,
      4,
    ]]);
    expect(bound[1]!.buffer).toBe(device.dummy);
    expect(bound.map(({ access }) => access && [access.reads, access.writes])).toEqual([
      [true, false],
      undefined,
      [false, true],
      [true, true],
    ]);
    arena.dispose();
  });

  test("packScalars() packs four bytes each in order of declaration", () => {
    const view = new DataView(packScalars(fake, { count: 2 ** 32 - 1, scale: -0.5, shift: -3 }).buffer);
    expect(view.byteLength).toBe(12);
    expect([view.getUint32(0, true), view.getFloat32(4, true), view.getInt32(8, true)]).toEqual([
      2 ** 32 - 1,
      -0.5,
      -3,
    ]);
  });
});
