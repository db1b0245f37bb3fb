import { RequestError } from "../base/errors.ts";
import { type Asker, Gate } from "../base/gate.ts";
import { leavesAsMuch } from "../base/shares.ts";
import { type Client, nobody } from "../base/turns.ts";
import type { ConstraintText } from "./matcher_protocol.ts";

export interface TrialLimits {
  /** Trials that go on at a time. */
  readonly trying: number;
  /** Trials that may wait for their turn, at least one; a client's leave as many places free as they take. */
  readonly waiting: number;
}

/**
 * Tries one constraint.
 *
 * @param commit to be called when what follows cannot be given up any more; it throws where nobody waits for the trial
 */
export type TryOne = (constraint: ConstraintText, commit: () => void) => Promise<void>;

/** A constraint that is being tried, for all who want it meanwhile. */
interface Trial {
  done: Promise<void>;
  readonly leaving: AbortController;
  committed: boolean;
  wanted: number;
}

/** Trials of constraints: equal ones that are wanted at the same time are one, and clients take turns. */
export class Trials {
  readonly #limits: TrialLimits;
  readonly #tryOne: TryOne;
  readonly #places: Gate;
  /** Those that somebody can join. */
  readonly #open = new Map<ConstraintText, Trial>();

  constructor(limits: TrialLimits, tryOne: TryOne) {
    this.#limits = limits;
    this.#tryOne = tryOne;
    this.#places = new Gate(limits.trying);
  }

  /**
   * Joins the trial of a constraint, or begins it in the turn of who asks. It is given up when nobody wants it any
   * more; what cannot be given up goes on, and whoever wants it again joins it.
   *
   * @throws {RequestError} Code `queue_full`: too many others wait. And what the trial throws.
   * @throws The signal's reason, when it is aborted before the trial is over.
   */
  async run(constraint: ConstraintText, { client, signal }: Asker): Promise<void> {
    signal?.throwIfAborted();
    const trial = this.#open.get(constraint) ?? this.#begin(constraint, client);
    trial.wanted++;
    const { promise: left, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([trial.done, left]);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      if (--trial.wanted === 0 && !trial.committed) {
        this.#close(constraint, trial);
        trial.leaving.abort();
      }
    }
  }

  #begin(constraint: ConstraintText, client: Client = nobody): Trial {
    const [all, own] = [this.#places.waiting, this.#places.waitingOf(client.caller)];
    if (all > 0 && !leavesAsMuch(own + 1, all + 1, this.#limits.waiting)) {
      throw new RequestError(
        `${all} constraints of other requests wait to be compiled, ${own} of them by the same client, which is the limit`,
        { code: "queue_full", remedy: "Try again later" },
      );
    }
    const leaving = new AbortController();
    const { signal } = leaving;
    const trial: Trial = { done: Promise.resolve(), leaving, committed: false, wanted: 0 };
    const commit = () => {
      signal.throwIfAborted();
      trial.committed = true;
    };
    trial.done = this.#places.run(() => this.#tryOne(constraint, commit), { client, signal })
      .finally(() => this.#close(constraint, trial));
    trial.done.catch(() => {}); // whoever wants it hears of it
    this.#open.set(constraint, trial);
    return trial;
  }

  /** Nobody joins it any more. */
  #close(constraint: ConstraintText, trial: Trial): void {
    if (this.#open.get(constraint) === trial) this.#open.delete(constraint);
  }
}
