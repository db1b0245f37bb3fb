import process from "node:process";
import type { Runtime } from "../../src/runtime/request.ts";
import { openRuntime, type RuntimeOptions } from "../../src/runtime/runtime.ts";
import type { GoldenCheckpoint } from "./goldens.ts";

/** A runtime with a golden checkpoint on the device that the gate has chosen; keeps no pipelines. */
export function openGoldenRuntime(
  { directory }: GoldenCheckpoint,
  options: Partial<RuntimeOptions> = {},
): Promise<Runtime> {
  return openRuntime({
    model: directory,
    device: process.env.LLAMAV_DEVICE,
    pipelineCache: undefined,
    ...options,
  });
}
