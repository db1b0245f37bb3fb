import { afterAll, beforeAll } from "bun:test";

/** Engines that this test file's clients open are simulated ones, on a thread of their own. */
export function useSimWorker(): void {
  const RealWorker = globalThis.Worker;
  beforeAll(() => {
    globalThis.Worker = class extends RealWorker {
      constructor() {
        super(new URL("./sim_worker.ts", import.meta.url));
      }
    } as typeof Worker;
  });
  afterAll(() => {
    globalThis.Worker = RealWorker;
  });
}
