/**
 * Time of every operation at the sizes of the model.
 *
 *     bun bench/kernels.ts [filter] [--device NAME] [--save]
 *
 * `filter` picks the rows whose operation, shape or dtype contains it. `--save` appends them to
 * `bench/results/<machine>.csv`, with the driver, the commit and the settings they were measured under.
 */
import { argv } from "node:process";
import { parseArgs } from "node:util";
import { elementCount } from "../src/base/dtype.ts";
import { Device } from "../src/gpu/device.ts";
import { Arena, planBytes } from "../src/gpu/memory.ts";
import { Recorder, type Recording } from "../src/gpu/recorder.ts";
import type { Tensor } from "../src/gpu/tensor.ts";
import { buildShaders } from "../tools/build_shaders.ts";
import { attentionRows } from "./kernels/attention.ts";
import { matmulRows } from "./kernels/matmul.ts";
import type { BenchRow, BenchTensor } from "./kernels/row.ts";
import { rowRows } from "./kernels/rows.ts";
import { type Result, saveResults } from "./results_file.ts";

const rows: readonly BenchRow[] = [...matmulRows, ...rowRows, ...attentionRows];

/** A recording repeats the operation until it runs for about this long, so that the cost of a submission vanishes. */
const RECORDING_MS = 20;
const RUNS = 9;
function main(): void {
  const { values, positionals } = parseArgs({
    args: argv.slice(2),
    options: { device: { type: "string" }, save: { type: "boolean" } },
    allowPositionals: true,
  });
  for (const { shader, output } of buildShaders()) console.error(`${shader}:\n${output}`);
  const device = Device.open({ select: values.device });
  console.log(`${device.info.name}, ${device.info.driverName} ${device.info.driverInfo}`);
  const filter = positionals[0] ?? "";
  const chosen = rows.filter((row) => [row.op, row.shape, row.dtype].some((part) => part.includes(filter)));
  const results = chosen.map((row) => measure(device, row));
  if (values.save) saveResults(device.info, results);
  device.dispose();
}

function measure(device: Device, row: BenchRow): Result {
  const arena = new Arena(device, "bench", planBytes(Object.values(row.tensors)), "shared");
  const tensors: Record<string, Tensor> = {};
  for (const [name, spec] of Object.entries(row.tensors)) {
    tensors[name] = arena.tensor(name, spec.dtype, spec.shape);
    fill(arena.view(tensors[name]), spec);
  }
  const once = record(device, row, tensors, 1);
  device.queue.run(once); // compiles
  const repeats = Math.max(1, Math.round(RECORDING_MS / time(device, once)));
  const repeated = record(device, row, tensors, repeats);
  const times = Array.from({ length: RUNS }, () => time(device, repeated) / repeats).toSorted((a, b) =>
    a - b
  );
  for (const recording of [once, repeated]) recording.dispose();
  arena.dispose();
  const ms = times[RUNS >> 1]!;
  const unit = row.flops === undefined ? "GB/s" : "GFLOP/s";
  const rate = (row.flops ?? row.bytes ?? 0) / ms / 1e6;
  const columns = [row.op.padEnd(18), row.shape.padEnd(20), row.dtype.padEnd(5), ms.toFixed(4).padStart(10)];
  console.log(`${columns.join(" ")} ms ${rate.toFixed(2).padStart(8)} ${unit}`);
  return { op: row.op, shape: row.shape, dtype: row.dtype, ms, rate, unit };
}

function record(device: Device, row: BenchRow, tensors: Record<string, Tensor>, repeats: number): Recording {
  const cmd = new Recorder(device);
  for (let i = 0; i < repeats; i++) row.record(cmd, tensors);
  return cmd.finish();
}

function time(device: Device, recording: Recording): number {
  const start = performance.now();
  device.queue.run(recording);
  return performance.now() - start;
}

/** Numbers below 1 in size and never subnormal: CPUs take traps for those. */
function fill(view: Uint8Array, { dtype, shape, data }: BenchTensor): void {
  if (data !== undefined) {
    view.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return;
  }
  const count = elementCount(shape);
  const wave = (i: number) => ((i * 2654435761) % 1021) / 1021 - 0.4995;
  if (dtype === "f32") {
    new Float32Array(view.buffer, view.byteOffset, count).forEach((_, i, all) => all[i] = wave(i));
  }
  if (dtype !== "bf16" && dtype !== "f16") return;
  const [base, spread] = dtype === "bf16" ? [0x3e00, 0x100] : [0x3000, 0x800];
  const words = new Uint16Array(view.buffer, view.byteOffset, count);
  words.forEach((_, i) => words[i] = base + (i * 40503) % spread + (i % 2) * 0x8000);
}

main();
