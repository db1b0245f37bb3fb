import type { Intercept } from "../../ffi/library.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineImage, EngineOptions } from "../../src/engine/protocol.ts";
import { greedy } from "../../src/engine/sampling.ts";
import { Device } from "../../src/gpu/device.ts";
import { cacheDirectory } from "../../src/runtime/cache_directory.ts";

/** One sequence, and when its tokens came. */
export interface Answer {
  readonly id: number;
  readonly addedAt: number;
  readonly tokenTimes: number[];
  ended: boolean;
}

export interface Question {
  readonly tokens: readonly number[];
  readonly images: readonly EngineImage[];
  readonly maxTokens: number;
}

/** An engine in this thread, with clocks: when each token came, and how long the host waited for the device. */
export class Driver {
  readonly engine: Engine;
  readonly device: Device;
  /** Milliseconds inside `step`, and of them those spent waiting for the device. */
  stepMs = 0;
  waitMs = 0;
  steps = 0;
  readonly #answers = new Map<number, Answer>();
  #nextId = 1;

  constructor({ device: select, ...options }: EngineOptions) {
    const intercept: Intercept = (name, call) => {
      if (name !== "vkWaitSemaphores") return call;
      return (...args) => {
        const begin = performance.now();
        const result = call(...args);
        this.waitMs += performance.now() - begin;
        return result;
      };
    };
    this.device = Device.open({ select, intercept, cacheDirectory: cacheDirectory() });
    this.engine = Engine.open(options, undefined, this.device);
  }

  /** Sequences that have not ended. */
  get open(): number {
    return this.#answers.size;
  }

  /** Asks. The answer goes on through stop ids. */
  add({ tokens, images, maxTokens }: Question): Answer {
    const id = this.#nextId++;
    const answer = { id, addedAt: performance.now(), tokenTimes: [], ended: false };
    this.#answers.set(id, answer);
    this.engine.add({ id, tokens, images, maxTokens, sampling: greedy, stopIds: [] });
    return answer;
  }

  /** One step of the engine. */
  step(): void {
    const begin = performance.now();
    const events = this.engine.step();
    const now = performance.now();
    this.stepMs += now - begin;
    this.steps++;
    for (const event of events) {
      const answer = this.#answers.get(event.id);
      if (event.type === "error") throw new Error(event.error.message);
      if (event.type === "token") answer?.tokenTimes.push(now);
      if (event.type !== "end" || !answer) continue;
      answer.ended = true;
      this.#answers.delete(event.id);
    }
  }

  /** Steps until it is so. */
  until(isSo: () => boolean): void {
    while (!isSo()) {
      if (this.engine.idle) throw new Error("The engine is idle and what was waited for is not there");
      this.step();
    }
  }

  /** Ends everything, and waits until the device is done. */
  clear(): void {
    for (const id of this.#answers.keys()) this.engine.abort(id);
    this.#answers.clear();
    while (!this.engine.idle) this.step();
  }

  dispose(): void {
    this.engine.dispose();
    this.device.dispose();
  }
}
