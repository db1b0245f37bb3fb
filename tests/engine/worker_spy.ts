import { afterAll, beforeAll } from "bun:test";
import type { FromEngine, ToEngine } from "../../src/engine/protocol.ts";

/** A worker that was started, and the messages of both directions. */
export interface SeenWorker {
  readonly worker: Worker;
  readonly sent: ToEngine[];
  readonly received: FromEngine[];
}

/** Looks over the border between main thread and engine: every worker that this test file starts, in order. */
export function useWorkerSpy(): readonly SeenWorker[] {
  const workers: SeenWorker[] = [];
  const RealWorker = globalThis.Worker;
  beforeAll(() => {
    globalThis.Worker = class extends RealWorker {
      readonly #sent: ToEngine[] = [];
      constructor(...args: ConstructorParameters<typeof RealWorker>) {
        super(...args);
        const received: FromEngine[] = [];
        this.addEventListener("message", ({ data }: MessageEvent<FromEngine>) => received.push(data));
        workers.push({ worker: this, sent: this.#sent, received });
      }
      override postMessage(message: ToEngine, transfer?: Transferable[] | StructuredSerializeOptions): void {
        this.#sent.push(message);
        super.postMessage(message, transfer as StructuredSerializeOptions);
      }
    };
  });
  afterAll(() => {
    globalThis.Worker = RealWorker;
  });
  return workers;
}
