import { viewMemory } from "../../ffi/posix.ts";
import type { ToReader } from "./parallel_reader.ts";
import { openWeightFile, type WeightFile } from "./file.ts";

/** A thread of the parallel reader. Files stay open as long as it lives. */
declare const self: Worker;

const files = new Map<string, WeightFile>();

self.onmessage = ({ data: { job, counters } }: MessageEvent<ToReader>) => {
  try {
    const file = files.get(job.path) ?? openWeightFile(job.path);
    files.set(job.path, file);
    file.readInto(job.position, viewMemory(job.address, job.byteLength));
  } catch {
    Atomics.add(counters, 1, 1); // told by the thread that waits
  }
  Atomics.add(counters, 0, 1);
  Atomics.notify(counters, 0);
};
