import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import type { DeviceInfo } from "../src/gpu/device.ts";

/** One measurement: what was run at which size, how long it took, and the rate that follows from it. */
export interface Result {
  readonly op: string;
  readonly shape: string;
  readonly dtype: string;
  readonly ms: number;
  readonly rate: number;
  readonly unit: string;
}

const header = "date,commit,device,driver,settings,cores,op,shape,dtype,ms,rate,unit\n";
const settings = ["LP_NUM_THREADS", "LP_NATIVE_VECTOR_WIDTH"] as const;

/** Appends results to `bench/results/<machine>.csv`, with the circumstances they were measured in. */
export function saveResults(info: DeviceInfo, results: readonly Result[]): void {
  const machine = (cpus()[0]?.model ?? "unknown").toLowerCase().replaceAll(/[^a-z0-9]+/g, "_");
  const path = join(import.meta.dir, "results", `${machine}.csv`);
  if (!existsSync(path)) appendFileSync(path, header);
  const { stdout } = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: import.meta.dir });
  const context = [
    new Date().toISOString().slice(0, 10),
    stdout.toString().trim() || "none",
    info.name,
    `${info.driverName} ${info.driverInfo}`,
    settings.flatMap((name) => env[name] === undefined ? [] : [`${name}=${env[name]}`]).join(" "),
    String(cpus().length),
  ];
  for (const { op, shape, dtype, ms, rate, unit } of results) {
    const cells = [...context, op, shape, dtype, ms.toFixed(5), rate.toFixed(3), unit];
    appendFileSync(path, `${cells.map((cell) => cell.replaceAll(",", ";")).join(",")}\n`);
  }
}
