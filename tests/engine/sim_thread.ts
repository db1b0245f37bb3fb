import { afterAll, beforeAll } from "bun:test";

/**
 * Engines that this test file's clients open are simulated ones, on a thread of their own.
 *
 * @param worker the module that the thread runs
 */
export function useSimWorker(worker = "./sim_worker.ts"): void {
  const RealWorker = globalThis.Worker;
  beforeAll(() => {
    globalThis.Worker = class extends RealWorker {
      constructor() {
        super(new URL(worker, import.meta.url));
      }
    } as typeof Worker;
  });
  afterAll(() => {
    globalThis.Worker = RealWorker;
  });
}
