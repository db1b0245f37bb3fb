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
  /** Threads on which answers are followed, of some 50 MB each. Where there are more grammars, they share. */
  readonly matching: number;
  /** Threads beside them on which new grammars are tried, one at a time on each. */
  readonly trying: number;
  /** New grammars that may wait to be tried. */
  readonly waiting: number;
}

const defaults: PoolLimits = { deadlineMs: 2000, matching: 6, trying: 2, waiting: 64 };
/** How long a thread may take to start. */
const startMs = 30_000;
/** Grammars after which a thread is replaced: what the compiler does not free, some 0.2 MB each, goes with it. */
const mostCompiled = 256;
/** Threads that are kept although nothing is matched on them. */
const keptIdle = 2;

/** A thread, and what it is used for. */
export interface Seat {
  readonly thread: MatcherThread;
  /** Resolves when the thread has the vocabulary. */
  readonly started: Promise<unknown>;
  /** Whether a new grammar is tried on it, which may be the end of it: then nothing is matched there. */
  trying: boolean;
  /** Sessions that are matched on it. */
  users: number;
  /** What it has compiled before, and has perhaps kept. */
  readonly compiled: Lru<true>;
  /** How many there were. */
  compilations: number;
}

/** A constraint that is being tried, for all who want it meanwhile. */
interface Trial {
  readonly done: Promise<void>;
  readonly leaving: AbortController;
  wanted: number;
}

/**
 * Compiles constraints and follows answers through them, on threads of their own. A constraint is tried first, where
 * nothing else runs: compiling may go wrong in any way, then the thread is ended. From then on nobody waits for a place,
 * and a request that waits for something else holds none: sessions share threads, and survive the end of one.
 */
export class GrammarPool {
  readonly #vocabulary: () => Vocabulary;
  readonly #limits: PoolLimits;
  readonly #seats: Seat[] = [];
  readonly #trials = new Map<ConstraintText, Trial>();
  /** Trials without a thread, in the order in which they came. */
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
   * Tries a constraint for one request.
   *
   * @param choices answers that are followed, each on its own
   * @throws {RequestError} Code `invalid_json_schema` or `invalid_grammar`: it cannot be kept to, or compiling it
   *   takes too long. Code `queue_full`: too many others are to be tried.
   * @throws The signal's reason, when it is aborted before that is known.
   */
  async open(
    constraint: Constraint,
    end: EndOptions,
    choices: number,
    signal?: AbortSignal,
  ): Promise<GrammarSession> {
    const text = JSON.stringify(constraint);
    if (!this.#seats.some(({ compiled }) => compiled.get(text))) await this.#tried(text, signal);
    return new GrammarSession(this, text, end, choices);
  }

  /** A place where a constraint that was tried can be matched: where it is known, or a free one, or a shared one. */
  take(constraint: ConstraintText): Seat {
    const open = this.#seats.filter(({ trying }) => !trying);
    const used = open.filter(({ users }) => users > 0);
    const seat = used.find((seat) => isFresh(seat) && seat.compiled.get(constraint)) ??
      (used.length < this.#limits.matching ? this.#idleSeat(constraint) : leastUsed(used));
    seat.users++;
    if (!seat.compiled.get(constraint)) seat.compilations++;
    seat.compiled.set(constraint, true);
    return seat;
  }

  leave(seat: Seat): void {
    if (--seat.users === 0) this.#tidy(seat);
  }

  close(): void {
    for (const { thread } of [...this.#seats]) thread.end("the model was closed");
  }

  /** Joins the trial of a constraint, or begins it. It is given up when nobody wants it any more. */
  async #tried(constraint: ConstraintText, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const trial = this.#trials.get(constraint) ?? this.#begin(constraint);
    trial.wanted++;
    const { promise: left, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([trial.done, left]);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      if (--trial.wanted === 0) {
        trial.leaving.abort();
        if (this.#trials.get(constraint) === trial) this.#trials.delete(constraint);
      }
    }
  }

  #begin(constraint: ConstraintText): Trial {
    const leaving = new AbortController();
    const trial: Trial = { done: this.#try(constraint, leaving.signal), leaving, wanted: 0 };
    trial.done.catch(() => {}); // whoever wants it hears of it
    this.#trials.set(constraint, trial);
    return trial;
  }

  async #try(constraint: ConstraintText, signal: AbortSignal): Promise<void> {
    for (let tries = 0; tries < 3; tries++) {
      const seat = await this.#claim(constraint, signal);
      try {
        return await this.#compile(seat, constraint);
      } catch (error) {
        if (!(error instanceof ThreadEnded)) throw error;
        if (error.culprit) {
          refuse(
            `The constraint must be compiled within ${this.#limits.deadlineMs / 1000} s, and it was not`,
          );
        }
      } finally {
        seat.trying = false;
        this.#tidy(seat);
        this.#wakeNext();
      }
    }
    throw new Error("Threads for grammars end as soon as they are started");
  }

  /** A thread to try a constraint on: in the order in which they came, where as many are being tried as may be. */
  async #claim(constraint: ConstraintText, signal: AbortSignal): Promise<Seat> {
    while (this.#seats.filter(({ trying }) => trying).length >= this.#limits.trying) {
      if (this.#waiting.size >= this.#limits.waiting) {
        throw new RequestError(
          `${this.#waiting.size} constraints of other requests wait to be compiled, which is the limit`,
          { code: "queue_full", remedy: "Try again later" },
        );
      }
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const onAbort = () => {
        this.#waiting.delete(resolve);
        reject(signal.reason);
      };
      this.#waiting.add(resolve);
      signal.addEventListener("abort", onAbort, { once: true });
      await promise;
      signal.removeEventListener("abort", onAbort);
    }
    const seat = this.#idleSeat(constraint);
    seat.trying = true;
    return seat;
  }

  #wakeNext(): void {
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    next();
  }

  /** One that nobody uses. There are never more than may match and try. */
  #idleSeat(constraint: ConstraintText): Seat {
    const idle = this.#seats.filter(({ trying, users }) => !trying && users === 0);
    return idle.find(({ compiled }) => compiled.get(constraint)) ?? idle[0] ?? this.#newSeat();
  }

  /** Ends a thread that has nothing to do where it is worn out, or another one of too many. */
  #tidy(seat: Seat): void {
    if (!isFresh(seat)) seat.thread.end("it is worn out");
    const idle = this.#seats.filter(({ trying, users }) => !trying && users === 0);
    if (idle.length > keptIdle) idle.find((other) => other !== seat)!.thread.end("it is not needed");
  }

  #newSeat(): Seat {
    const thread = new MatcherThread(() => {
      this.#seats.splice(this.#seats.indexOf(seat), 1);
    });
    const started = thread.call({ type: "vocabulary", vocabulary: this.#vocabulary() }, startMs);
    started.catch(() => {}); // whoever compiles on it hears of it
    const seat: Seat = {
      thread,
      started,
      trying: false,
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

function isFresh({ compilations }: Seat): boolean {
  return compilations < mostCompiled;
}

/** Worn ones last: nobody new there, and they come to their end. */
function leastUsed(seats: readonly Seat[]): Seat {
  const fresh = seats.filter(isFresh);
  return (fresh.length > 0 ? fresh : seats).reduce((best, seat) => seat.users < best.users ? seat : best);
}

function memoized<T>(make: () => T): () => T {
  let value: T | undefined;
  return () => value ??= make();
}
