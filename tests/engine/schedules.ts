import { expect } from "bun:test";
import type { EngineCore } from "../../src/engine/engine_core.ts";
import type { EngineEvent, EngineRequest } from "../../src/engine/protocol.ts";
import { type Random, random } from "../../src/selftest/random.ts";
import { expectInvariants, expectNothingHeld } from "./invariants.ts";

/** What an engine of any kind is driven by. */
export type Driven = Pick<
  EngineCore,
  "add" | "abort" | "stop" | "mask" | "step" | "idle" | "stalled" | "scheduler" | "stats"
>;

/** A request and what every choice of it says when it has the engine for itself. */
export interface Part {
  readonly request: Omit<EngineRequest, "id">;
  readonly expected: readonly (readonly number[])[];
}

/** How a schedule treats its parts. */
export interface ScheduleShape {
  /** Steps over which the requests arrive. */
  readonly spread: number;
  /** Share of the requests that are given up at some point, and of those that lose one choice. */
  readonly abortShare: number;
}

/** Words of a mask that are the same whenever a choice has so many tokens: about every second token is allowed. */
export type MaskOf = (after: number) => Uint32Array | null;

/** About every second token may be taken, another half after each, and now and then every one. */
export function halfMask(vocabSize: number): MaskOf {
  const words = Math.ceil(vocabSize / 32);
  return (after) =>
    after % 3 === 2 ? null : new Uint32Array(words).fill(after % 2 === 0 ? 0x55555555 : 0xcccccccc);
}

/** The tokens of every choice of a request that has the engine for itself. */
export function runAlone(engine: Driven, request: Omit<EngineRequest, "id">, maskOf?: MaskOf): number[][] {
  const run = new Run(engine, random(0), maskOf);
  run.add({ id: 1, ...request });
  while (!engine.idle) run.step();
  expectNothingHeld(engine);
  return run.tokens.get(1)!;
}

/**
 * Runs requests that arrive and are given up at random, and checks what must hold after every step. Every sequence
 * must say what it says alone, up to where it was given up. Returns the most sequences that ran at a time.
 *
 * @param seed of arrivals, aborts and the delays of masks
 */
export function runSchedule(
  engine: Driven,
  parts: readonly Part[],
  shape: ScheduleShape,
  seed: number,
  maskOf?: MaskOf,
): number {
  const data = random(seed);
  const arrivals = parts.map(() => data.below(shape.spread));
  const aborts = parts.map((_, i) =>
    data.next() < shape.abortShare ? arrivals[i]! + data.below(30) : Infinity
  );
  const stops = parts.map(({ request: { n = 1 } }, i) => ({
    at: data.next() < shape.abortShare ? arrivals[i]! + data.below(30) : Infinity,
    choice: data.below(n),
  }));
  const run = new Run(engine, data, maskOf);
  const last = Math.max(...arrivals);
  let most = 0;
  for (let now = 0; now <= last || !engine.idle; now++) {
    if (now > 100_000) throw new Error("The engine does not come to an end");
    for (const [id, { request }] of parts.entries()) {
      if (aborts[id] === now && arrivals[id]! < now) engine.abort(id);
      const { at, choice } = stops[id]!;
      if (at === now && arrivals[id]! < now) run.stop(id, choice);
      if (arrivals[id] === now) run.add({ id, ...request });
    }
    run.step();
    expectInvariants(engine);
    most = Math.max(most, engine.scheduler.running.length);
  }
  expectNothingHeld(engine);
  for (const [id, { expected }] of parts.entries()) {
    const have = run.tokens.get(id)!;
    const aborted = aborts[id]! < Infinity;
    const want = expected.map((tokens, choice) =>
      aborted || run.stopped.has(`${id}/${choice}`) ? tokens.slice(0, have[choice]!.length) : tokens
    );
    expect({ seed, id, tokens: have }).toEqual({ seed, id, tokens: want as number[][] });
  }
  return most;
}

/** What an engine says, put together and checked for its order. */
class Run {
  /** By request, then by choice. */
  readonly tokens = new Map<number, number[][]>();
  /** Choices that were stopped before they had come to their end. */
  readonly stopped = new Set<string>();
  readonly #ended = new Set<string>();
  readonly #masks: { id: number; choice: number; after: number; delay: number }[] = [];

  constructor(readonly engine: Driven, readonly data: Random, readonly maskOf?: MaskOf) {}

  add(request: EngineRequest): void {
    this.tokens.set(request.id, Array.from({ length: request.n ?? 1 }, () => []));
    expect(this.engine.add(request)).toEqual({ type: "accepted", id: request.id });
  }

  stop(id: number, choice: number): void {
    for (const event of this.engine.stop(id, choice)) {
      this.stopped.add(`${id}/${choice}`);
      this.#take(event);
    }
  }

  step(): void {
    for (const event of this.engine.step()) this.#take(event);
    for (const one of this.#masks.splice(0)) {
      const { delay, ...wanted } = one;
      if (delay > 0) this.#masks.push({ ...one, delay: delay - 1 });
      else {for (const event of this.engine.mask({ ...wanted, mask: this.maskOf!(wanted.after) })) {
          this.#take(event);
        }}
    }
    if (this.engine.stalled && this.#masks.length === 0 && !this.engine.idle) {
      for (const event of this.engine.step()) this.#take(event); // the last mask was answered just now
      if (this.engine.stalled) throw new Error("The engine waits for nothing");
    }
  }

  #take(event: EngineEvent): void {
    if (event.type === "error") throw new Error(event.error.message, { cause: event.error.stack });
    if (event.type === "accepted") throw new Error("Only add() accepts");
    const { id, choice } = event;
    const name = `${id}/${choice}`;
    if (this.#ended.has(name)) throw new Error(`choice ${name} has ended and says ${event.type}`);
    const tokens = this.tokens.get(id)![choice]!;
    switch (event.type) {
      case "started":
        if (tokens.length > 0) throw new Error(`choice ${name} starts late`);
        break;
      case "token":
        tokens.push(event.token);
        break;
      case "end":
        this.#ended.add(name);
        break;
      case "mask_wanted":
        expect(event.after).toBe(tokens.length);
        this.#masks.push({ id, choice, after: event.after, delay: this.data.below(4) });
    }
  }
}
