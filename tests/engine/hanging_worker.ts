/** A simulated engine whose thread hangs for two seconds in a step of a request that begins with token 999. */
import { hostEngine } from "../../src/engine/host.ts";
import { SimEngine } from "../../src/engine/sim_engine.ts";
import type { SimHooks } from "../../src/engine/sim_runner.ts";

declare const self: Worker;

const hangMs = 2000;

hostEngine(self, (options) => {
  let hung = false;
  const onSubmit: NonNullable<SimHooks["onSubmit"]> = (step) => {
    if (hung || !step.some(({ sequence }) => sequence.request.tokens[0] === 999)) return;
    hung = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, hangMs);
  };
  return SimEngine.open({ ...options, hooks: { onSubmit } });
});
