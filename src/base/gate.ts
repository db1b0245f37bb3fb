import { Shares } from "./shares.ts";
import { type Client, nobody, Turns } from "./turns.ts";

interface Waiting {
  readonly units: number;
  readonly caller: string;
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
  readonly #shares: Shares | undefined;
  readonly #waiting = new Turns<Waiting>();
  #free: number;

  /** @param sharing whether a caller's tasks may take no more than they leave free, for tasks that can last as they like */
  constructor(units: number, { sharing = false }: { readonly sharing?: boolean } = {}) {
    this.#units = this.#free = units;
    this.#shares = sharing ? new Shares(units) : undefined;
  }

  /** Tasks that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Those of them that are a caller's. */
  waitingOf(caller: string): number {
    return this.#waiting.countOf(caller);
  }

  /** @throws The signal's reason, when it is aborted before the task's turn; then the task does not run. */
  async run<T>(task: () => Promise<T>, { units = 1, client = nobody, signal }: GateOptions = {}): Promise<T> {
    signal?.throwIfAborted();
    const taken = Math.min(units, this.#units);
    const turn = this.#turn(taken, client, signal);
    if (turn) await turn;
    try {
      return await task();
    } finally {
      this.#take(client.caller, -taken);
      this.#admit();
    }
  }

  /** Resolves when it has come; nothing where it is there at once. */
  #turn(units: number, client: Client, signal: AbortSignal | undefined): Promise<void> | undefined {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let begun = false;
    const onAbort = () => {
      this.#waiting.remove(waiting, client);
      reject(signal!.reason);
      this.#admit();
    };
    const waiting: Waiting = {
      units,
      caller: client.caller,
      begin() {
        signal?.removeEventListener("abort", onAbort);
        begun = true;
        resolve();
      },
    };
    this.#waiting.add(waiting, client);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#admit();
    return begun ? undefined : promise;
  }

  /** Whoever is let in has its units at once: nobody can slip in between. */
  #admit(): void {
    const may = ({ units, caller }: Waiting) => this.#shares?.allows(caller, units) ?? true;
    for (let next = this.#waiting.first(may); next; next = this.#waiting.first(may)) {
      // Nobody overtakes who is let in by its share: a task that takes much would never have its turn.
      if (next.units > this.#free) return;
      this.#waiting.takeFirst(may);
      this.#take(next.caller, next.units);
      next.begin();
    }
  }

  #take(caller: string, units: number): void {
    this.#free -= units;
    this.#shares?.take(caller, units);
  }
}
