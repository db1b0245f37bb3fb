import { RequestError } from "../base/errors.ts";
import type { GrammarPool, Seat } from "./grammar_pool.ts";
import type { ConstraintText, EndOptions, MatcherAnswer } from "./matcher_protocol.ts";
import { ThreadEnded } from "./matcher_thread.ts";

/** One answer and how far its matcher has followed it. */
interface Followed {
  readonly tokens: number[];
  /** The place that it is matched on, and the matcher's number there. */
  seat?: Seat;
  matcher: number;
  /** Tokens that the matcher has. */
  matched: number;
}

let nextMatcher = 1;
/** Tokens that a matcher takes in one call: after a move it has the whole answer to catch up with. */
const mostFollowed = 4096;
/**
 * Deadlines that opening may take. The thread may have to compile the grammar again, which was quick enough when it was
 * tried, with no other work on its mind: where the machine is busy by now, that is not the grammar's fault.
 */
const openingDeadlines = 3;
/** Threads that may end under one mask through other grammars, before it is given up. */
const mostMoves = 10;

/**
 * Follows the answers of one request through a grammar, on whatever thread has room. It has no place on one before the
 * first mask: until then the request waits for its turn in the engine.
 */
export class GrammarSession {
  readonly #pool: GrammarPool;
  readonly #constraint: ConstraintText;
  readonly #end: EndOptions;
  readonly #answers: readonly Followed[];
  #seat: Seat | undefined;
  #closed = false;

  constructor(pool: GrammarPool, constraint: ConstraintText, end: EndOptions, choices: number) {
    this.#pool = pool;
    this.#constraint = constraint;
    this.#end = end;
    this.#answers = Array.from({ length: choices }, () => ({ tokens: [], matcher: 0, matched: 0 }));
  }

  /** Tells of a token of a choice; not of one that ends it. */
  push(choice: number, token: number): void {
    this.#answers[choice]!.tokens.push(token);
  }

  /**
   * What may follow the tokens of a choice: a bit set over the vocabulary, lowest bit first. Ask again only after the
   * answer.
   *
   * @throws {RequestError} If saying so takes too long.
   */
  async mask(choice: number): Promise<Uint32Array> {
    const answer = this.#answers[choice]!;
    for (let moves = 0; moves < mostMoves; moves++) {
      try {
        return await this.#ask(answer, this.#place());
      } catch (error) {
        if (!(error instanceof ThreadEnded) || this.#closed) throw error;
        if (error.culprit) break;
      }
    }
    throw tooSlow(this.#pool.deadlineMs);
  }

  /** Lets go of the thread. Safe to call twice. */
  close(): void {
    this.#closed = true;
    const seat = this.#seat;
    if (!seat) return;
    this.#seat = undefined;
    for (const { seat: own, matcher } of this.#answers) {
      if (own === seat) seat.thread.call({ type: "close", matcher }, this.#pool.deadlineMs).catch(() => {});
    }
    this.#pool.leave(seat);
  }

  /** Where it is matched: one place for all choices, another one where that thread has ended. */
  #place(): Seat {
    if (this.#closed) throw new ThreadEnded(false, "the session was closed");
    if (this.#seat?.thread.ended) {
      this.#pool.leave(this.#seat);
      this.#seat = undefined;
    }
    return this.#seat ??= this.#pool.take(this.#constraint);
  }

  async #ask(answer: Followed, seat: Seat): Promise<Uint32Array> {
    const { deadlineMs } = this.#pool;
    const calls: Promise<MatcherAnswer>[] = [];
    if (answer.seat !== seat) {
      answer.matcher = nextMatcher++;
      answer.matched = 0;
      answer.seat = seat;
      const open = {
        type: "open",
        matcher: answer.matcher,
        constraint: this.#constraint,
        end: this.#end,
      } as const;
      calls.push(seat.thread.call(open, openingDeadlines * deadlineMs));
    }
    const { matcher } = answer;
    const length = answer.tokens.length;
    // Not after the answer to the first: the session may be closed by then, and its matcher gone.
    for (; length - answer.matched > mostFollowed; answer.matched += mostFollowed) {
      const tokens = answer.tokens.slice(answer.matched, answer.matched + mostFollowed);
      calls.push(seat.thread.call({ type: "follow", matcher, tokens }, deadlineMs));
    }
    const tokens = answer.tokens.slice(answer.matched);
    answer.matched = length;
    calls.push(seat.thread.call({ type: "mask", matcher, tokens }, deadlineMs));
    return (await Promise.all(calls)).at(-1)!.mask!;
  }
}

function tooSlow(deadlineMs: number): RequestError {
  return new RequestError(
    `The constraint must say within ${deadlineMs / 1000} s what may come next, and it did not`,
    { code: "invalid_grammar", remedy: "Write it with fewer ways to match the same text" },
  );
}
