/**
 * A deadline that moves with every event. The system's timer is left where it is and looks again when it rings:
 * setting one anew costs as much as writing an event.
 */
export class Deadline {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ringsAt = Infinity;
  #at = Infinity;
  #ring = () => {};

  /** Calls `ring` after `ms`, instead of what was set before. */
  set(ms: number, ring: () => void): void {
    const now = performance.now();
    this.#at = now + ms;
    this.#ring = ring;
    if (this.#ringsAt > this.#at) this.#arm(now);
  }

  /** Nothing rings any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#ringsAt = -Infinity;
  }

  #arm(now: number): void {
    clearTimeout(this.#timer);
    this.#ringsAt = this.#at;
    this.#timer = setTimeout(() => this.#look(), this.#at - now);
  }

  #look(): void {
    const now = performance.now();
    this.#ringsAt = Infinity;
    // The clock may be a hair behind the timer.
    if (this.#at - now >= 1) return this.#arm(now);
    this.#at = Infinity;
    this.#ring();
  }
}
