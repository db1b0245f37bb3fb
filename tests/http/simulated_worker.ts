/**
 * The engine's worker thread with a simulated model in the place of a checkpoint's: what it says are bytes that the
 * checkpoint's tokenizer knows, and a step takes as long as one of a small model. A request's `max_tokens` can make a
 * step fail.
 */
import { hostEngine } from "../../src/engine/host.ts";
import { SimEngine, simImageToken } from "../../src/engine/sim_engine.ts";
import { simVocabulary } from "../../src/engine/sim_runner.ts";
import { DeviceLostError } from "../../src/gpu/errors.ts";
import { hangMs, hangs, loses, stepMs, throws } from "./simulated.ts";

declare const self: Worker;

/** Ids of the image token of the checkpoints that this can stand for. */
const imageTokens = new Set([556, 768]);
const sleeping = new Int32Array(new SharedArrayBuffer(4));
const sleep = (ms: number) => Atomics.wait(sleeping, 0, 0, ms);
let hung = false;

hostEngine(self, (options) => {
  const engine = SimEngine.open({
    maxQueued: options.maxQueued,
    limits: { contextLength: 512, kvTokens: 4096, maxSequences: options.maxSequences ?? 8, chunkSize: 128 },
    hooks: {
      onCollect: () => sleep(stepMs),
      onSubmit(step) {
        for (const { sequence: { request, length } } of step) {
          if (length <= request.tokens.length + 3) continue;
          if (request.maxTokens === loses) throw new DeviceLostError("a step");
          if (request.maxTokens === throws) throw new Error("A step that cannot be");
          if (request.maxTokens === hangs && !hung) {
            hung = true;
            sleep(hangMs);
          }
        }
      },
    },
  });
  const { add, step } = engine;
  return Object.assign(engine, {
    add: (request: Parameters<typeof add>[0]) => {
      const tokens = request.tokens.map((id) => imageTokens.has(id) ? simImageToken : id % simVocabulary);
      return add.call(engine, { ...request, tokens });
    },
    step: () =>
      step.call(engine).map((event) => "token" in event ? { ...event, token: event.token % 128 } : event),
  });
});
