import { expect } from "bun:test";
import type { EngineCore } from "../../src/engine/engine_core.ts";
import type { EngineEvent, EngineRequest } from "../../src/engine/protocol.ts";
import { type Random, random } from "../../src/selftest/random.ts";
import { expectInvariants, expectNothingHeld } from "./invariants.ts";

/** What an engine of any kind is driven by. */
export type Driven = Pick<
  EngineCore,
  "add" | "abort" | "mask" | "step" | "idle" | "stalled" | "scheduler" | "stats"
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
  /** Share of the requests that are given up at some point. */
  readonly abortShare: number;
}

/** Words of a mask that are the same whenever a choice has so many tokens: about every second token is allowed. */
export type MaskOf = (after: number) => Uint32Array | null;

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
 * must say what it says alone, up to where it was given up.
 *
 * @param seed of arrivals, aborts and the delays of masks
 */
export function runSchedule(
  engine: Driven,
  parts: readonly Part[],
  shape: ScheduleShape,
  seed: number,
  maskOf?: MaskOf,
): void {
  const data = random(seed);
  const arrivals = parts.map(() => data.below(shape.spread));
  const aborts = parts.map((_, i) =>
    data.next() < shape.abortShare ? arrivals[i]! + data.below(30) : Infinity
  );
  const run = new Run(engine, data, maskOf);
  const last = Math.max(...arrivals);
  for (let now = 0; now <= last || !engine.idle; now++) {
    if (now > 100_000) throw new Error("The engine does not come to an end");
    for (const [id, { request }] of parts.entries()) {
      if (aborts[id] === now && arrivals[id]! < now) engine.abort(id);
      if (arrivals[id] === now) run.add({ id, ...request });
    }
    run.step();
    expectInvariants(engine);
  }
  expectNothingHeld(engine);
  for (const [id, { expected }] of parts.entries()) {
    const have = run.tokens.get(id)!;
    const whole = aborts[id]! === Infinity;
    const want = whole ? expected : expected.map((tokens, i) => tokens.slice(0, have[i]!.length));
    expect({ seed, id, tokens: have }).toEqual({ seed, id, tokens: want as number[][] });
  }
}

/** What an engine says, put together and checked for its order. */
class Run {
  /** By request, then by choice. */
  readonly tokens = new Map<number, number[][]>();
  readonly #ended = new Set<string>();
  readonly #masks: { id: number; choice: number; after: number; delay: number }[] = [];

  constructor(readonly engine: Driven, readonly data: Random, readonly maskOf?: MaskOf) {}

  add(request: EngineRequest): void {
    this.tokens.set(request.id, Array.from({ length: request.n ?? 1 }, () => []));
    expect(this.engine.add(request)).toEqual({ type: "accepted", id: request.id });
  }

  step(): void {
    for (const event of this.engine.step()) this.#take(event);
    for (const one of this.#masks.splice(0)) {
      const { delay, ...wanted } = one;
      if (delay > 0) this.#masks.push({ ...one, delay: delay - 1 });
      else this.engine.mask({ ...wanted, mask: this.maskOf!(wanted.after) });
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
