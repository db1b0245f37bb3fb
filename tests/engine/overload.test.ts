/**
 * More work than an engine can do, and clients of every appetite. The device is simulated, and so is time: what is
 * measured here is what the scheduling decides, and comes out alike on every machine.
 */
import { expect, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import type { Client } from "../../src/base/turns.ts";
import { greedy } from "../../src/engine/sampling.ts";
import { SimEngine } from "../../src/engine/sim_engine.ts";
import { expectNothingHeld } from "./invariants.ts";

const [promptLength, answerLength, maxQueued, maxSequences] = [16, 24, 16, 4];

/** What became of one request; instants in simulated ms. */
interface Asked {
  readonly client: Client;
  readonly arrived: number;
  /** How many requests had begun before it came, and before it began itself. */
  readonly begunBefore: number;
  begunAfter: number;
  readonly tokens: number[];
  ended: number;
}

/** Requests of many clients on a simulated engine, each followed to its end. */
class Load {
  readonly engine = SimEngine.open({
    simulatedTime: true,
    maxQueued,
    limits: { maxSequences, kvTokens: 1024 },
  });
  readonly asked: Asked[] = [];
  #begun = 0;
  refused = 0;

  get now(): number {
    return this.engine.runner.elapsedMs;
  }

  /** Asks something new, unless the queue is full. */
  ask(client: Client, maxTokens = answerLength): Asked | undefined {
    const id = this.asked.length;
    const tokens = Array.from({ length: promptLength }, (_, i) => (id * promptLength + i) % 1000);
    const request = {
      id,
      tokens,
      images: [],
      sampling: greedy,
      maxTokens,
      stopIds: [],
      client,
    };
    try {
      this.engine.add(request);
    } catch (error) {
      expect((error as RequestError).details.code).toBe("queue_full");
      this.refused++;
      return undefined;
    }
    const asked = {
      client,
      arrived: this.now,
      begunBefore: this.#begun,
      begunAfter: Infinity,
      tokens: [],
      ended: NaN,
    };
    this.asked.push(asked);
    return asked;
  }

  step(): void {
    for (const event of this.engine.step()) {
      const one = this.asked[event.id]!;
      if (event.type === "started") one.begunAfter = this.#begun++;
      else if (event.type === "token") one.tokens.push(this.now);
      else if (event.type === "end") one.ended = this.now;
      else throw new Error(`A ${event.type} is not expected here`);
    }
  }

  /** Steps until nothing is left to do. Returns how many it took. */
  finish(): number {
    let steps = 0;
    while (!this.engine.idle) {
      this.step();
      if (++steps > 10_000) throw new Error("The engine does not come to an end");
    }
    expectNothingHeld(this.engine);
    return steps;
  }

  /** Milliseconds between two tokens of one answer, of all answers, the shortest first. */
  gaps(): number[] {
    const gaps = this.asked.flatMap(({ tokens }) => tokens.slice(1).map((at, i) => at - tokens[i]!));
    return gaps.sort((a, b) => a - b);
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Requests that come at `rate` times of what the engine can do, from a few clients in turn. */
function offered(rate: number): Load {
  const load = new Load();
  const stepsEach = answerLength / maxSequences; // where all places are taken, one ends every so many steps
  let due = 0;
  for (let step = 0; step < 100 * stepsEach; step++) {
    for (due += rate / stepsEach; due >= 1; due--) {
      load.ask({ caller: `client ${load.asked.length % 5}`, user: "" });
    }
    load.step();
  }
  return load;
}

test("five times the load costs those who are taken on little, and the others a 429 (O02)", () => {
  const fitting = offered(0.9);
  const crowded = offered(5);
  const queued = crowded.engine.stats.queued;
  expect([fitting.refused, queued]).toEqual([0, maxQueued]);
  // Four of five, less what the queue took.
  expect(crowded.refused / (crowded.refused + crowded.asked.length)).toBeGreaterThan(0.6);
  // What waits has a bound, and so has the time until the flood is forgotten.
  expect(crowded.finish()).toBeLessThan(2 * (maxQueued + maxSequences) * answerLength / maxSequences);
  fitting.finish();
  for (const load of [fitting, crowded]) {
    expect(load.asked.filter(({ tokens, ended }) => tokens.length !== answerLength || !(ended > 0))).toEqual(
      [],
    );
  }
  const [calm, busy] = [fitting.gaps(), crowded.gaps()];
  expect(mean(busy)).toBeLessThan(1.5 * mean(calm));
  expect(busy[Math.floor(0.95 * busy.length)]).toBeLessThan(1.5 * calm[Math.floor(0.95 * calm.length)]!);
  // Afterwards it is as if nothing had been.
  const next = crowded.ask({ caller: "next", user: "" })!;
  crowded.finish();
  const first = new Load();
  const alone = first.ask({ caller: "next", user: "" })!;
  first.finish();
  expect(next.ended - next.arrived).toBeCloseTo(alone.ended - alone.arrived);
});

/** Clients who ask one question after the other. Returns their questions; `flood` is called before each step. */
function calmClients(load: Load, count: number, questions: number, flood = () => {}): Asked[] {
  const own: Asked[] = [];
  const open = new Map<string, Asked>();
  while (own.length < count * questions || [...open.values()].some(({ ended }) => isNaN(ended))) {
    for (let i = 0; i < count; i++) {
      const caller = `calm ${i}`;
      const last = open.get(caller);
      if ((last && isNaN(last.ended)) || own.length >= count * questions) continue;
      const asked = load.ask({ caller, user: "" })!;
      own.push(asked);
      open.set(caller, asked);
    }
    flood();
    load.step();
  }
  return own;
}

test("who floods under a thousand names has one client's turns (O13)", () => {
  const [clients, questions] = [3, 12];
  const quiet = calmClients(new Load(), clients, questions);
  const load = new Load();
  let names = 0;
  const flood = () => {
    // Room is left in the queue: whom a full one turns away, the server decides before this.
    while (
      load.engine.stats.queued < maxQueued - clients &&
      load.engine.scheduler.waiting.requestCount < maxQueued - clients
    ) {
      load.ask({ caller: "flood", user: `name ${names++ % 1000}` });
    }
  };
  for (let i = 0; i < 20; i++) {
    flood();
    load.step();
  }
  const beside = calmClients(load, clients, questions, flood);
  const passedBy = beside.map(({ begunBefore, begunAfter }) => begunAfter - begunBefore);
  // One turn of each of the others: the rest of the calm ones, and the flood.
  expect(Math.max(...passedBy)).toBeLessThanOrEqual(clients);
  const latency = (all: readonly Asked[]) => mean(all.map(({ arrived, ended }) => ended - arrived));
  expect(latency(beside)).toBeLessThan(2 * latency(quiet));
  // The flood has what the others leave.
  expect(load.asked.filter(({ client, ended }) => client.caller === "flood" && ended > 0).length)
    .toBeGreaterThan(clients);
  load.finish();
});

test("who asks for long answers does not keep others waiting for their end (O13)", () => {
  const [questions, longAnswer] = [60, 100];
  const waits = (all: readonly Asked[]) =>
    all.map(({ arrived, tokens }) => tokens[0]! - arrived).sort((a, b) => a - b);
  const p95 = (sorted: readonly number[]) => sorted[Math.ceil(0.95 * sorted.length) - 1]!;
  const alone = waits(calmClients(new Load(), 1, questions));
  const load = new Load();
  const flood = () => {
    while (load.engine.scheduler.waiting.requestCount < maxQueued - 1) {
      load.ask({ caller: "long", user: "" }, longAnswer);
    }
  };
  for (let i = 0; i < 10; i++) {
    flood();
    load.step();
  }
  const beside = waits(calmClients(load, 1, questions, flood));
  // A place comes as soon as the steps in flight are done; most of what is left is that prompts are read in small pieces
  // beside streams. Until a long answer came to its end it took fifty times as long.
  expect(mean(beside)).toBeLessThan(3 * mean(alone));
  expect(p95(beside)).toBeLessThan(3 * p95(alone));
  load.finish();
  const long = load.asked.filter(({ client }) => client.caller === "long");
  expect(long.length).toBeGreaterThan(maxQueued);
  expect(long.filter(({ tokens }) => tokens.length !== longAnswer)).toEqual([]);
});
