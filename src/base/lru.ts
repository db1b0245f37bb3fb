/** A map of limited cost that lets go of what was used least recently. */
export class Lru<V, K = string> {
  readonly #entries = new Map<K, { value: V; cost: number }>(); // insertion order = order of last use
  #cost = 0;

  /**
   * @param capacity most that the entries may cost together
   * @param onEvict called with every value that leaves
   */
  constructor(readonly capacity: number, private readonly onEvict: (value: V) => void = () => {}) {}

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /**
   * Adds or replaces; evicts until the new entry fits. One that costs more than the capacity is let go at once, and
   * the others stay.
   */
  set(key: K, value: V, cost = 1): void {
    this.delete(key);
    if (cost > this.capacity) return this.onEvict(value);
    this.#entries.set(key, { value, cost });
    this.#cost += cost;
    for (const oldest of this.#entries.keys()) {
      if (this.#cost <= this.capacity) break;
      this.delete(oldest);
    }
  }

  delete(key: K): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#cost -= entry.cost;
    this.onEvict(entry.value);
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key);
  }
}
