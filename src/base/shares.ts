/** Whether a caller with `own` of the `taken` units leaves as much free of `most` as it has. */
export function leavesAsMuch(own: number, taken: number, most: number): boolean {
  return own <= most - taken;
}

/**
 * Something that callers share, none of whom may have more of it than it leaves free: one alone has half of all, a
 * second one half of the rest, and there is something left for the next however many there are.
 */
export class Shares {
  readonly #ofCallers = new Map<string, number>();
  #taken = 0;

  /** @param most units that there are */
  constructor(readonly most: number) {}

  /** Units that all callers have together. */
  get taken(): number {
    return this.#taken;
  }

  of(caller: string): number {
    return this.#ofCallers.get(caller) ?? 0;
  }

  /** Whether a caller may have so many units more. */
  allows(caller: string, units: number): boolean {
    return leavesAsMuch(this.of(caller) + units, this.#taken + units, this.most);
  }

  /** A caller takes units, or gives some back where `units` is negative; whether it may is `allows`'s to say. */
  take(caller: string, units: number): void {
    this.#taken += units;
    const own = this.of(caller) + units;
    if (own > 0) this.#ofCallers.set(caller, own);
    else this.#ofCallers.delete(caller); // callers come and go, the map must not grow
  }
}
