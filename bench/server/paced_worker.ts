/** The engine's worker thread with a simulated model whose steps take STEP_MS milliseconds, or no time. */
import { env } from "node:process";
import { hostEngine } from "../../src/engine/host.ts";
import { SimEngine } from "../../src/engine/sim_engine.ts";

declare const self: Worker;

const stepMs = Number(env["STEP_MS"]);
const clock = new Int32Array(new SharedArrayBuffer(4));

hostEngine(self, ({ contextLength = 4096, maxSequences = 8 }) =>
  SimEngine.open({
    limits: {
      contextLength,
      maxSequences,
      outputRows: maxSequences,
      kvTokens: contextLength * maxSequences,
      blockSize: 16,
      chunkSize: 64,
    },
    hooks: stepMs > 0 ? { onCollect: () => void Atomics.wait(clock, 0, 0, stepMs) } : {},
  }));
