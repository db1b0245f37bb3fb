import { RequestError } from "../base/errors.ts";
import type { Asker } from "../base/gate.ts";
import { Lru } from "../base/lru.ts";
import { quote } from "../base/quote.ts";
import { type Constraint, refuse } from "./constraint.ts";
import { GrammarSession } from "./grammar_session.ts";
import { type ConstraintText, type EndOptions, keptGrammars } from "./matcher_protocol.ts";
import { MatcherThread, ThreadEnded } from "./matcher_thread.ts";
import { type TrialLimits, Trials } from "./trials.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** New grammars are tried on threads beside those on which answers are followed, one at a time on each. */
export interface PoolLimits extends TrialLimits {
  /** How long a grammar may take to compile, or to say what may follow, in ms. */
  readonly deadlineMs: number;
  /** Threads on which answers are followed, of some 50 MB each. Where there are more grammars, they share. */
  readonly matching: number;
}

const defaults: PoolLimits = { deadlineMs: 2000, matching: 6, trying: 2, waiting: 128 };
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

/**
 * Compiles constraints and follows answers through them, on threads of their own. A constraint is tried first, where
 * nothing else runs: compiling may go wrong in any way, then the thread is ended. From then on nobody waits for a place,
 * and a request that waits for something else holds none: sessions share threads, and survive the end of one.
 */
export class GrammarPool {
  readonly #vocabulary: () => Vocabulary;
  readonly #limits: PoolLimits;
  readonly #seats: Seat[] = [];
  readonly #trials: Trials;
  #closed = false;

  /** @param vocabulary asked for when the first constraint comes */
  constructor(vocabulary: () => Vocabulary, limits: Partial<PoolLimits> = {}) {
    this.#vocabulary = memoized(vocabulary);
    this.#limits = { ...defaults, ...limits };
    this.#trials = new Trials(this.#limits, (constraint, commit) => this.#try(constraint, commit));
  }

  /** How long one call of a session may take. */
  get deadlineMs(): number {
    return this.#limits.deadlineMs;
  }

  /**
   * Tries a constraint for one request.
   *
   * @param choices answers that are followed, each on its own
   * @param asker whose turn it takes where others are to be tried, too
   * @throws {RequestError} Code `invalid_json_schema` or `invalid_grammar`: it cannot be kept to, or compiling it
   *   takes too long. Code `queue_full`: too many others are to be tried.
   * @throws The signal's reason, when it is aborted before that is known.
   */
  async open(
    constraint: Constraint,
    end: EndOptions,
    choices: number,
    asker: Asker = {},
  ): Promise<GrammarSession> {
    const text = JSON.stringify(constraint);
    if (!this.#seats.some(({ compiled }) => compiled.get(text))) await this.#trials.run(text, asker);
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

  /** Ends all threads, for good: whoever waits for one of them hears that the model was closed. */
  close(): void {
    this.#closed = true;
    for (const { thread } of [...this.#seats]) thread.end("the model was closed");
  }

  async #try(constraint: ConstraintText, commit: () => void): Promise<void> {
    for (let tries = 0; tries < 3; tries++) {
      const seat = this.#idleSeat(constraint);
      seat.trying = true;
      try {
        return await this.#compile(seat, constraint, commit);
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
      }
    }
    throw new Error("Threads for grammars end as soon as they are started");
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
    if (this.#closed) throw new Error("The model was closed");
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

  async #compile(seat: Seat, constraint: ConstraintText, commit: () => void): Promise<void> {
    // Whoever waits for a thread is not to blame for its start.
    await seat.started.catch(() => {
      throw new ThreadEnded(false, "it could not be started");
    });
    commit();
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
