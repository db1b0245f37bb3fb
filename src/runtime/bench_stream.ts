import { Device } from "../gpu/device.ts";
import { Arena, planBytes } from "../gpu/memory.ts";
import { Recorder, type Recording } from "../gpu/recorder.ts";
import { sliceRows } from "../gpu/tensor.ts";
import { deviceHeapBytes } from "../model/plan.ts";
import { streamRead, streamTiles } from "../ops/stream_read.ts";
import { median } from "./bench_report.ts";

/** Bytes that are read in one run: many times what a device's caches hold. */
const wantedBytes = { cpu: 256 << 20, gpu: 2 ** 30 };
/** Largest part of the device's memory that they may take. */
const heapShare = 1 / 8;
/** Bytes of one dispatch: as many as every device lets a shader see, and a multiple of what any workgroup reads. */
const windowBytes = 128 << 20;

export interface StreamMeasurement {
  readonly bytes: number;
  /** Milliseconds of each run of the fastest way. */
  readonly runs: readonly number[];
}

/**
 * Measures how fast a device reads its memory: passes of `stream_read` over much more than its caches hold, in the way
 * that turns out to be the device's fastest.
 *
 * @param repeat runs after one that compiles and touches the memory
 * @throws {DeviceError} If there is no such device, or it has not that much memory left.
 */
export function measureStream(select: string | undefined, repeat: number): StreamMeasurement {
  const device = Device.open({ select });
  try {
    return measureOn(device, repeat);
  } finally {
    device.dispose();
  }
}

function measureOn(device: Device, repeat: number): StreamMeasurement {
  const { info } = device;
  const most = Math.min(
    wantedBytes[info.type === "cpu" ? "cpu" : "gpu"],
    deviceHeapBytes(info) * heapShare,
  );
  const windows = Math.max(1, Math.floor(most / windowBytes));
  const spec = {
    x: { dtype: "u32", shape: [windowBytes / 4] },
    // No way of reading keeps more sums than one for every eight loads of four words.
    y: { dtype: "u32", shape: [windowBytes / 4 / 32] },
  } as const;
  const tables = Array.from({ length: windows }, () => spec.x);
  const arena = new Arena(device, "streaming read", planBytes([spec.y, ...tables]), "device");
  try {
    const sums = arena.tensor("sums", spec.y.dtype, spec.y.shape);
    const parts = tables.map(({ dtype, shape }, i) => arena.tensor(`part ${i}`, dtype, shape));
    const measured = streamTiles(device).map((tile) => {
      using cmd = new Recorder(device);
      for (const x of parts) streamRead(cmd, x, sliceRows(sums, 0, x.shape[0]! / 4 / tile.LOADS), tile);
      return time(device, cmd.finish(), repeat);
    });
    return {
      bytes: windows * windowBytes,
      runs: measured.reduce((best, runs) => median(runs) < median(best) ? runs : best),
    };
  } finally {
    arena.dispose();
  }
}

function time(device: Device, recording: Recording, repeat: number): number[] {
  device.queue.run(recording);
  const runs = Array.from({ length: repeat }, () => {
    const begin = performance.now();
    device.queue.run(recording);
    return performance.now() - begin;
  });
  recording.dispose();
  return runs;
}
