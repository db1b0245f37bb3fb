import { RequestError } from "../base/errors.ts";
import type { GrammarPool, Seat } from "./grammar_pool.ts";
import type { ConstraintText, EndOptions } from "./matcher_protocol.ts";
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

/** Follows the answers of one request through a grammar, on whatever thread has it compiled. */
export class GrammarSession {
  readonly #pool: GrammarPool;
  readonly #constraint: ConstraintText;
  readonly #end: EndOptions;
  readonly #answers: readonly Followed[];
  #seat: Promise<Seat>;
  #closed = false;

  constructor(pool: GrammarPool, seat: Seat, constraint: ConstraintText, end: EndOptions, choices: number) {
    this.#pool = pool;
    this.#seat = Promise.resolve(seat);
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
    for (let tries = 0; tries < 3; tries++) {
      const seat = await this.#seat;
      try {
        return await this.#ask(answer, seat);
      } catch (error) {
        if (!(error instanceof ThreadEnded) || this.#closed) throw error;
        if (error.culprit) throw tooSlow(this.#pool.deadlineMs);
        await this.#move(seat);
        if (this.#closed) throw error;
      }
    }
    throw tooSlow(this.#pool.deadlineMs);
  }

  /** Lets go of the thread. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#seat.then((seat) => {
      for (const { seat: own, matcher } of this.#answers) {
        if (own === seat) seat.thread.call({ type: "close", matcher }, this.#pool.deadlineMs).catch(() => {});
      }
      this.#pool.leave(seat);
    }, () => {});
  }

  async #ask(answer: Followed, seat: Seat): Promise<Uint32Array> {
    const { deadlineMs } = this.#pool;
    if (answer.seat !== seat) {
      answer.matcher = nextMatcher++;
      answer.matched = 0;
      answer.seat = seat;
      const { matcher } = answer;
      await seat.thread.call(
        { type: "open", matcher, constraint: this.#constraint, end: this.#end },
        deadlineMs,
      );
    }
    const tokens = answer.tokens.slice(answer.matched);
    const { mask } = await seat.thread.call({ type: "mask", matcher: answer.matcher, tokens }, deadlineMs);
    answer.matched += tokens.length;
    return mask!;
  }

  /** To another thread, after the one that was shared with another request has ended; once for all choices. */
  async #move(from: Seat): Promise<void> {
    const held = this.#seat;
    if (await held !== from) return;
    // Another choice may have moved meanwhile, and a request that was closed has left already.
    if (this.#seat === held && !this.#closed) {
      this.#pool.leave(from);
      this.#seat = this.#pool.take(this.#constraint);
    }
    await this.#seat;
  }
}

function tooSlow(deadlineMs: number): RequestError {
  return new RequestError(
    `The constraint must say within ${deadlineMs / 1000} s what may come next, and it did not`,
    { code: "invalid_grammar", remedy: "Write it with fewer ways to match the same text" },
  );
}
