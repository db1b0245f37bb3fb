import { RequestError } from "../base/errors.ts";
import { Lru } from "../base/lru.ts";
import { quote } from "../base/quote.ts";
import { type Constraint, refuse } from "./constraint.ts";
import { GrammarSession } from "./grammar_session.ts";
import { type ConstraintText, type EndOptions, keptGrammars } from "./matcher_protocol.ts";
import { MatcherThread, ThreadEnded } from "./matcher_thread.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface PoolLimits {
  /** How long a grammar may take to compile, or to say what may follow, in ms. */
  readonly deadlineMs: number;
  /** Grammars that answers are held to at the same time; each has a thread of its own, of some 50 MB. */
  readonly threads: number;
  /** Requests that may wait for one. */
  readonly waiting: number;
}

const defaults: PoolLimits = { deadlineMs: 2000, threads: 8, waiting: 64 };
/** How long a thread may take to start. */
const startMs = 30_000;
/** Grammars after which a thread is replaced: what the compiler does not free, some 0.2 MB each, goes with it. */
const mostCompiled = 256;
/** Threads that are kept although nothing is matched on them. */
const keptIdle = 2;

/** A thread, and what it is used for. */
export interface Seat {
  readonly thread: MatcherThread;
  /** What everything that is matched on it now is held to. */
  constraint: ConstraintText | undefined;
  /** Resolves when the thread has the vocabulary. */
  readonly started: Promise<unknown>;
  /** Resolves when the constraint is compiled. */
  ready: Promise<void>;
  users: number;
  /** What it has compiled before, and has perhaps kept. */
  readonly compiled: Lru<true>;
  /** How many there were. */
  compilations: number;
}

/**
 * Compiles constraints and follows answers through them, on threads of their own. A thread has one grammar at a time,
 * whose compiling or matching may go wrong in any way without touching another one: then the thread is ended.
 */
export class GrammarPool {
  readonly #vocabulary: () => Vocabulary;
  readonly #limits: PoolLimits;
  readonly #seats: Seat[] = [];
  /** In the order in which they came. */
  readonly #waiting = new Set<() => void>();

  /** @param vocabulary asked for when the first constraint comes */
  constructor(vocabulary: () => Vocabulary, limits: Partial<PoolLimits> = {}) {
    this.#vocabulary = memoized(vocabulary);
    this.#limits = { ...defaults, ...limits };
  }

  /** How long one call of a session may take. */
  get deadlineMs(): number {
    return this.#limits.deadlineMs;
  }

  /**
   * Compiles a constraint for one request.
   *
   * @param choices answers that are followed, each on its own
   * @throws {RequestError} Code `invalid_json_schema` or `invalid_grammar`: it cannot be kept to, or compiling it
   *   takes too long. Code `queue_full`: too many others are in use.
   * @throws The signal's reason, when it is aborted while the constraint waits for its turn.
   */
  async open(
    constraint: Constraint,
    end: EndOptions,
    choices: number,
    signal?: AbortSignal,
  ): Promise<GrammarSession> {
    const text = JSON.stringify(constraint);
    const seat = await this.take(text, signal);
    return new GrammarSession(this, seat, text, end, choices);
  }

  /** A place on a thread that has compiled the constraint. Given back with `leave`. */
  async take(constraint: ConstraintText, signal?: AbortSignal): Promise<Seat> {
    for (let tries = 0; tries < 3; tries++) {
      const seat = await this.#seat(constraint, signal);
      try {
        await seat.ready;
        return seat;
      } catch (error) {
        this.leave(seat);
        if (!(error instanceof ThreadEnded)) throw error;
        if (error.culprit) {
          refuse(
            `The constraint must be compiled within ${this.#limits.deadlineMs / 1000} s, and it was not`,
          );
        }
      }
    }
    throw new Error("Threads for grammars end as soon as they are started");
  }

  leave(seat: Seat): void {
    if (--seat.users > 0) return;
    seat.constraint = undefined;
    if (seat.compilations >= mostCompiled) seat.thread.end("it is worn out");
    const idle = this.#seats.filter(({ users }) => users === 0);
    if (idle.length > keptIdle && this.#waiting.size === 0) idle[0]!.thread.end("it is not needed");
    this.#wakeNext();
  }

  close(): void {
    for (const { thread } of [...this.#seats]) thread.end("the model was closed");
  }

  /** Where there is none for another grammar, in the order in which they came. */
  async #seat(constraint: ConstraintText, signal: AbortSignal | undefined): Promise<Seat> {
    for (;;) {
      const same = this.#seats.find((seat) => seat.users > 0 && seat.constraint === constraint);
      if (same) {
        same.users++;
        return same;
      }
      const idle = this.#seats.filter(({ users }) => users === 0);
      const seat = idle.find(({ compiled }) => compiled.get(constraint)) ?? idle[0] ?? this.#newSeat();
      if (seat) {
        seat.users = 1;
        seat.constraint = constraint;
        seat.ready = this.#compile(seat, constraint);
        return seat;
      }
      if (this.#waiting.size >= this.#limits.waiting) {
        throw new RequestError(
          `${this.#waiting.size} requests wait to be held to other constraints, which is the limit`,
          { code: "queue_full", remedy: "Try again later" },
        );
      }
      await this.#turn(signal);
    }
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => {
      this.#waiting.delete(resolve);
      reject(signal!.reason);
    };
    this.#waiting.add(resolve);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #wakeNext(): void {
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    next();
  }

  #newSeat(): Seat | undefined {
    if (this.#seats.length >= this.#limits.threads) return undefined;
    const thread = new MatcherThread(() => {
      this.#seats.splice(this.#seats.indexOf(seat), 1);
      this.#wakeNext();
    });
    const started = thread.call({ type: "vocabulary", vocabulary: this.#vocabulary() }, startMs);
    started.catch(() => {}); // whoever compiles on it hears of it
    const seat: Seat = {
      thread,
      constraint: undefined,
      started,
      ready: Promise.resolve(),
      users: 0,
      compiled: new Lru(keptGrammars),
      compilations: 0,
    };
    this.#seats.push(seat);
    return seat;
  }

  async #compile(seat: Seat, constraint: ConstraintText): Promise<void> {
    // Whoever waits for a thread is not to blame for its start.
    await seat.started.catch(() => {
      throw new ThreadEnded(false, "it could not be started");
    });
    const { wrong, refusal } = await seat.thread.call(
      { type: "compile", constraint },
      this.#limits.deadlineMs,
    );
    if (wrong) throw new RequestError(wrong.message, wrong.details);
    if (refusal === undefined) {
      if (!seat.compiled.get(constraint)) seat.compilations++;
      seat.compiled.set(constraint, true);
      return;
    }
    seat.thread.end("it has refused a grammar");
    refuse(
      `The constraint cannot be compiled${refusal === "" ? "" : `: ${quote(refusal, 240).slice(1, -1)}`}`,
    );
  }
}

function memoized<T>(make: () => T): () => T {
  let value: T | undefined;
  return () => value ??= make();
}
