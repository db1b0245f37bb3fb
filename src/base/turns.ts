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

  add(item: T, { caller, user }: Client): void {
    const users = this.#callers.get(caller) ?? new Map<string, T[]>();
    const own = users.get(user) ?? [];
    own.push(item);
    users.set(user, own);
    this.#callers.set(caller, users);
    this.#size++;
  }

  /** The one whose turn it is. */
  first(): T | undefined {
    for (const users of this.#callers.values()) {
      for (const own of users.values()) return own[0];
    }
    return undefined;
  }

  /** Takes `first()` out; its caller's and its user's turns come again when the others have had theirs. */
  takeFirst(): T | undefined {
    for (const [caller, users] of this.#callers) {
      for (const [user, own] of users) {
        const item = own.shift();
        users.delete(user);
        if (own.length > 0) users.set(user, own);
        this.#callers.delete(caller);
        if (users.size > 0) this.#callers.set(caller, users);
        this.#size--;
        return item;
      }
    }
    return undefined;
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
}
