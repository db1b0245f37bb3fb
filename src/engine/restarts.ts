/** How often an engine that fails is opened again. */
export interface RestartLimits {
  /** Pause before each attempt in a row, in ms; when they are used up the failure is final. */
  readonly pausesMs: readonly number[];
  /** An engine that has served this long, in ms, has all its attempts again. */
  readonly healthyMs: number;
}

/** Three attempts: a driver that was reset is back at once, one that is being installed takes seconds. */
export const defaultRestarts: RestartLimits = { pausesMs: [0, 1000, 5000], healthyMs: 60_000 };

/** For programs that ask one thing and end: the first failure is final. */
export const noRestarts: RestartLimits = { pausesMs: [], healthyMs: 0 };

/** Counts attempts, so that a fault which comes back at once cannot keep a machine loading weights for ever. */
export class Restarts {
  #attempts = 0;
  #servingSince: number | undefined;

  /** @param now a clock in ms */
  constructor(readonly limits: RestartLimits, readonly now: () => number = () => performance.now()) {}

  /** The engine serves from now on. */
  served(): void {
    this.#servingSince = this.now();
  }

  /** The engine has failed: the pause in ms before the next attempt, or `undefined` when there is none left. */
  next(): number | undefined {
    const { healthyMs, pausesMs } = this.limits;
    if (this.#servingSince !== undefined && this.now() - this.#servingSince >= healthyMs) this.#attempts = 0;
    this.#servingSince = undefined;
    return pausesMs[this.#attempts++];
  }
}
