import { type Client, nobody, Turns } from "./turns.ts";

interface Waiting {
  readonly units: number;
  begin(): void;
}

/** Who asks for something, and until when they want it. */
export interface Asker {
  /** Whose turn it takes where others wait, too; left out, it belongs to nobody in particular. */
  readonly client?: Client;
  /** Aborted when nobody wants it any more. */
  readonly signal?: AbortSignal;
}

export interface GateOptions extends Asker {
  /** What the task takes of the gate's units; no more than all of them. Default 1. */
  readonly units?: number;
}

/** Lets tasks run as long as together they take at most `units`, clients in turn. */
export class Gate {
  readonly #units: number;
  #free: number;
  readonly #waiting = new Turns<Waiting>();

  constructor(units: number) {
    this.#units = this.#free = units;
  }

  /** Tasks that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** @throws The signal's reason, when it is aborted before the task's turn; then the task does not run. */
  async run<T>(task: () => Promise<T>, { units = 1, client = nobody, signal }: GateOptions = {}): Promise<T> {
    signal?.throwIfAborted();
    const taken = Math.min(units, this.#units);
    // Nobody overtakes: a task that takes much would never have its turn.
    if (this.#waiting.size === 0 && taken <= this.#free) this.#free -= taken;
    else await this.#turn(taken, client, signal);
    try {
      return await task();
    } finally {
      this.#free += taken;
      this.#admit();
    }
  }

  #turn(units: number, client: Client, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => {
      this.#waiting.remove(waiting, client);
      reject(signal!.reason);
      this.#admit();
    };
    const waiting: Waiting = {
      units,
      begin() {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      },
    };
    this.#waiting.add(waiting, client);
    signal?.addEventListener("abort", onAbort, { once: true });
    return promise;
  }

  /** Whoever is let in has its units at once: nobody can slip in between. */
  #admit(): void {
    for (let next = this.#waiting.first(); next; next = this.#waiting.first()) {
      if (next.units > this.#free) return;
      this.#free -= next.units;
      this.#waiting.takeFirst();
      next.begin();
    }
  }
}
