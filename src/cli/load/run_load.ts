import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { generator } from "../../base/random.ts";
import type { Outcome } from "./outcome.ts";

/** How many requests are sent, and when. */
export interface LoadPlan {
  readonly requests: number;
  /** Requests that are open at a time, at most. */
  readonly concurrency: number;
  /** Requests by the second, at random times; left out, the next one goes when one was answered. */
  readonly rate?: number;
  /** Requests that are made before the first is sent: making one takes the thread that looks at the clock for others. */
  readonly ahead: number;
  readonly seed: number;
  /** The longest that a client obeys who is told to come back later. */
  readonly maxWaitMs: number;
}

export interface LoadRun {
  readonly outcomes: readonly Outcome[];
  /** From the first request to the end of the last one. */
  readonly durationMs: number;
  /** Requests whose time had come while as many as may be were open. */
  readonly late: number;
}

/**
 * Sends requests until all have ended, or `stop`.
 *
 * @param prepare makes a request, and gives what sends it: making it is no part of its time
 * @param onChange hears how many have ended and how many are open
 */
export async function runLoad(
  plan: LoadPlan,
  prepare: (index: number) => () => Promise<Outcome>,
  stop: AbortSignal,
  onChange: (ended: number, open: number) => void = () => {},
): Promise<LoadRun> {
  const outcomes: Outcome[] = [];
  let open = 0;
  // A client that was told to come back later waits on when all requests are done: that is no part of the run.
  let endMs: number | undefined;
  const send = async (request: () => Promise<Outcome>): Promise<Outcome> => {
    onChange(outcomes.length, ++open);
    const outcome = await request();
    endMs = performance.now();
    outcomes.push(outcome);
    onChange(outcomes.length, --open);
    return outcome;
  };
  const made = await makeAhead(plan, prepare, stop);
  // They are taken in the order in which they were made.
  const next = (index: number) => made.shift() ?? prepare(index);
  const begin = performance.now();
  const late = plan.rate === undefined
    ? await sendInTurn(plan, next, send, stop)
    : await sendAtRate({ ...plan, rate: plan.rate }, next, send, stop);
  return { outcomes, durationMs: (endMs ?? performance.now()) - begin, late };
}

type Prepare = (index: number) => () => Promise<Outcome>;
type Send = (request: () => Promise<Outcome>) => Promise<Outcome>;

async function makeAhead({ requests, ahead }: LoadPlan, prepare: Prepare, stop: AbortSignal) {
  const made: ReturnType<Prepare>[] = [];
  while (made.length < Math.min(requests, ahead) && !stop.aborted) {
    made.push(prepare(made.length));
    // It may take seconds, and Ctrl-C wants to be heard.
    await turn();
  }
  return made;
}

/** Clients who ask one question after the other, and come back later when they are told to. */
async function sendInTurn(plan: LoadPlan, prepare: Prepare, send: Send, stop: AbortSignal): Promise<number> {
  let next = 0;
  const client = async () => {
    while (next < plan.requests && !stop.aborted) {
      const outcome = await send(prepare(next++));
      const waitMs = outcome.kind === "failure" ? outcome.retryAfterMs ?? 0 : 0;
      if (waitMs > 0 && next < plan.requests) await pause(Math.min(waitMs, plan.maxWaitMs), stop);
    }
  };
  await Promise.all(Array.from({ length: Math.min(plan.concurrency, plan.requests) }, client));
  return 0;
}

/** Callers who know nothing of each other: a Poisson process. One who finds the door full waits before it. */
async function sendAtRate(
  { requests, concurrency, rate, seed }: LoadPlan & { readonly rate: number },
  prepare: Prepare,
  send: Send,
  stop: AbortSignal,
): Promise<number> {
  const gap = generator(seed);
  const open = new Set<Promise<unknown>>();
  let due = performance.now();
  let late = 0;
  for (let index = 0; index < requests; index++) {
    const request = prepare(index);
    await pause(due - performance.now(), stop);
    if (open.size >= concurrency) {
      late++;
      await Promise.race(open);
    }
    if (stop.aborted) break;
    const sent: Promise<unknown> = send(request).then(() => open.delete(sent));
    open.add(sent);
    due += -Math.log(1 - gap()) / rate * 1000;
  }
  await Promise.all(open);
  return late;
}

async function pause(ms: number, stop: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  // A stop ends the pause; whoever paused looks for it.
  await sleep(ms, undefined, { signal: stop }).catch(() => {});
}
