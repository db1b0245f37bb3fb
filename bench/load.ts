/**
 * How fast a checkpoint is read onto the device, and what the process takes beyond its memory plan.
 *
 *     bun bench/load.ts MODEL [--device NAME] [--save]
 *
 * Run it twice: the first run brings the files into the system's cache. Loading is allocation, first touch of the
 * memory and reading; opening adds headers, the device, caches and working memory. The peak is the process's, so give a checkpoint that is large
 * beside the runtime itself.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { argv } from "node:process";
import { parseArgs } from "node:util";
import { formatBytes } from "../src/base/units.ts";
import { Engine } from "../src/engine/engine.ts";
import { saveResults } from "./results_file.ts";

function main(): void {
  const { values, positionals } = parseArgs({
    args: argv.slice(2),
    options: { device: { type: "string" }, save: { type: "boolean" } },
    allowPositionals: true,
  });
  const [model] = positionals;
  if (model === undefined) throw new Error("Name a model directory");
  let [read, begin, end] = [0, 0, 0];
  const start = performance.now();
  const engine = Engine.open({ model, device: values.device }, (done) => {
    end = performance.now();
    if (done === 0) begin = end;
    read = done;
  });
  const openMs = performance.now() - start;
  const { plan } = engine.info;
  const { info } = engine.device;
  const beyond = peakBytes() - plan.totalBytes;
  const ms = end - begin;
  const rate = read / ms / 1e6;
  console.log(`${info.name}, ${info.driverName} ${info.driverInfo}`);
  console.log(
    `open ${openMs.toFixed(0)} ms, load ${formatBytes(read)} in ${ms.toFixed(0)} ms: ${rate.toFixed(2)} GB/s`,
  );
  console.log(`plan ${formatBytes(plan.totalBytes)}, peak of the process ${formatBytes(beyond)} above it`);
  engine.dispose();
  if (!values.save) return;
  const shape = basename(model);
  saveResults(info, [
    { op: "load", shape, dtype: "file", ms, rate, unit: "GB/s" },
    { op: "memory_beyond_plan", shape, dtype: "file", ms, rate: beyond / 1e6, unit: "MB" },
  ]);
}

/** The most memory that the process has had, as Linux counts it. */
function peakBytes(): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}

main();
