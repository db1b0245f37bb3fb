/**
 * What a dispatch costs the host: recorded once, replayed, and how many native calls a step makes.
 *
 *     bun bench/dispatch.ts [--device NAME] [--save]
 *
 * The kernel does next to nothing, so what is left is overhead. On CPU drivers the "device" is the host too:
 * with LP_NUM_THREADS=0 the round trip shows the driver's own cost without handing work between threads.
 */
import { argv } from "node:process";
import { parseArgs } from "node:util";
import type { Intercept } from "../ffi/library.ts";
import { Device } from "../src/gpu/device.ts";
import { Arena } from "../src/gpu/memory.ts";
import { Recorder, type Recording } from "../src/gpu/recorder.ts";
import { siluMul } from "../src/ops/silu_mul.ts";
import { buildShaders } from "../tools/build_shaders.ts";
import { type Result, saveResults } from "./results_file.ts";

/** About as many as one decode step of the 11B model. */
const DISPATCHES = 400;
const RUNS = 200;

function main(): void {
  const { values } = parseArgs({
    args: argv.slice(2),
    options: { device: { type: "string" }, save: { type: "boolean" } },
  });
  for (const { shader, output } of buildShaders()) throw new Error(`${shader}: ${output}`);
  const device = Device.open({ select: values.device });
  console.log(`${device.info.name}, ${device.info.driverName} ${device.info.driverInfo}`);
  const results = measure(device);
  for (const { op, shape, ms, rate, unit } of results) {
    console.log(
      `${op.padEnd(18)} ${shape.padEnd(16)} ${ms.toFixed(4).padStart(9)} ms ${
        rate.toFixed(3).padStart(9)
      } ${unit}`,
    );
  }
  if (values.save) saveResults(device.info, results);
  device.dispose();
  console.log(`native calls per step: ${callsPerStep(values.device)}`);
}

function measure(device: Device): Result[] {
  const arena = new Arena(device, "bench", 2 ** 16, "shared");
  const record = timed(() => recordChain(device, arena).dispose());
  const recording = recordChain(device, arena);
  device.queue.run(recording);
  const submits: number[] = [];
  const trips = Array.from({ length: RUNS }, () => {
    const start = performance.now();
    const value = device.queue.submit(recording);
    submits.push(performance.now() - start);
    device.queue.wait(value);
    return performance.now() - start;
  });
  recording.dispose();
  arena.dispose();
  return [row("record", record), row("submit", median(submits)), row("submit and wait", median(trips))];
}

function row(op: string, ms: number): Result {
  return {
    op,
    shape: `${DISPATCHES} dispatches`,
    dtype: "f32",
    ms,
    rate: ms * 1000 / DISPATCHES,
    unit: "us/dispatch",
  };
}

/** Dispatches that each wait for the one before, as in a model. */
function recordChain(device: Device, arena: Arena): Recording {
  const wide = arenaTensor(arena, "wide", 8);
  const narrow = arenaTensor(arena, "narrow", 4);
  const cmd = new Recorder(device);
  for (let i = 0; i < DISPATCHES; i++) siluMul(cmd, wide, narrow);
  return cmd.finish();
}

function arenaTensor(arena: Arena, name: string, columns: number) {
  return arena.tensor(name, "f32", [1, columns]);
}

/** Counts the calls of one replayed step on a device whose every command passes through a counter. */
function callsPerStep(select: string | undefined): number {
  let calls = 0;
  const intercept: Intercept = (_, call) => (...args) => {
    calls++;
    return call(...args);
  };
  const device = Device.open({ select, intercept });
  const arena = new Arena(device, "bench", 2 ** 12, "shared");
  const recording = recordChain(device, arena);
  device.queue.run(recording);
  calls = 0;
  device.queue.run(recording);
  const counted = calls;
  recording.dispose();
  arena.dispose();
  device.dispose();
  return counted;
}

function timed(run: () => void): number {
  return median(Array.from({ length: 20 }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  }));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

main();
