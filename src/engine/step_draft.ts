import type { Step, StepPart } from "./batch.ts";
import type { Sequence } from "./sequence.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A step in the making. Its parts are used again: a step is made every few milliseconds, for hours. */
export class StepDraft {
  readonly #parts: StepPart[] = [];
  readonly #spare: Mutable<StepPart>[] = [];
  #rows = 0;

  /** Good until `clear`. */
  get step(): Step {
    return this.#parts;
  }

  get rows(): number {
    return this.#rows;
  }

  clear(): void {
    this.#parts.length = 0;
    this.#rows = 0;
  }

  /** Adds the rows from the first one that is not computed up to `end`; with `output`, the next token is wanted. */
  add(sequence: Sequence, end: number, output: boolean): void {
    const begin = sequence.computed;
    const mask = output && sequence.mask ? sequence.mask : undefined;
    const part = this.#spare[this.#parts.length] ?? this.#newPart(sequence);
    part.sequence = sequence;
    part.begin = begin;
    part.end = end;
    part.output = output;
    part.mask = mask;
    this.#parts.push(part);
    this.#rows += end - begin;
  }

  #newPart(sequence: Sequence): Mutable<StepPart> {
    const part = { sequence, begin: 0, end: 0, output: false, mask: undefined };
    this.#spare.push(part);
    return part;
  }
}
