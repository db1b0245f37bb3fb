/**
 * Whom something is done for, on two levels: a caller, whom the server tells from others by what cannot be made up at
 * will, and a user, by the caller's own word. Both are names to compare, nothing else.
 */
export interface Client {
  readonly caller: string;
  /** Empty where the caller names nobody. */
  readonly user: string;
}

/** What belongs to nobody in particular: everything that a process does for itself. */
export const nobody: Client = { caller: "", user: "" };

/** Whether its caller may have its turn with this item, the next of its own; otherwise the turn is passed on. */
type MayTake<T> = (item: T) => boolean;

/**
 * Things that wait, in a fair order: callers take turns, within a caller its users take turns, and of one user comes
 * first what came first. One who adds a hundred things at once delays another caller by one of them, and a caller with a
 * thousand users has the share of one caller.
 */
export class Turns<T> {
  // Insertion order = whose turn it is, on either level. Nobody is in it who has nothing waiting.
  readonly #callers = new Map<string, Map<string, T[]>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The next one of each caller, in turn. */
  *heads(): Generator<T> {
    for (const users of this.#callers.values()) yield users.values().next().value![0]!;
  }

  /** Those of them that are a caller's. */
  countOf(caller: string): number {
    let count = 0;
    for (const own of this.#callers.get(caller)?.values() ?? []) count += own.length;
    return count;
  }

  add(item: T, client: Client): void {
    this.#ownOf(client).push(item);
    this.#size++;
  }

  /** Adds an item before all others of its user's: it had its turn, and gave it up. */
  putBack(item: T, client: Client): void {
    this.#ownOf(client).unshift(item);
    this.#size++;
  }

  /** The one whose turn it is, as far as `may` does not pass it on. */
  first(may?: MayTake<T>): T | undefined {
    return this.#next(may)?.own[0];
  }

  /** Takes `first()` out; its caller's and its user's turns come again when the others have had theirs. */
  takeFirst(may?: MayTake<T>): T | undefined {
    const next = this.#next(may);
    if (!next) return undefined;
    const { caller, users, user, own } = next;
    const item = own.shift();
    users.delete(user);
    if (own.length > 0) users.set(user, own);
    this.#callers.delete(caller);
    if (users.size > 0) this.#callers.set(caller, users);
    this.#size--;
    return item;
  }

  /** Takes an item out, wherever it stands, and moves nobody's turn. Returns whether it was there. */
  remove(item: T, { caller, user }: Client): boolean {
    const users = this.#callers.get(caller);
    const own = users?.get(user);
    const index = own?.indexOf(item) ?? -1;
    if (!users || !own || index < 0) return false;
    own.splice(index, 1);
    if (own.length === 0) users.delete(user);
    if (users.size === 0) this.#callers.delete(caller);
    this.#size--;
    return true;
  }

  #ownOf({ caller, user }: Client): T[] {
    const users = this.#callers.get(caller) ?? new Map<string, T[]>();
    const own = users.get(user) ?? [];
    users.set(user, own);
    this.#callers.set(caller, users);
    return own;
  }

  #next(may: MayTake<T> = () => true) {
    for (const [caller, users] of this.#callers) {
      const [user, own] = users.entries().next().value!;
      if (may(own[0]!)) return { caller, users, user, own };
    }
    return undefined;
  }
}
