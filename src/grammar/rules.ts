import { limits, refuse } from "./constraint.ts";

/** What matches nothing but the empty text. */
export const nothing = '""';

/** Either of some expressions. */
export function either(expressions: readonly string[]): string {
  return expressions.length === 1 ? expressions[0]! : `(${expressions.join(" | ")})`;
}

/**
 * The rules of a grammar that is being written. Counted repeats become rules whose number grows with the logarithm of
 * the count: the compiler's own make a state for each repetition, and each state is tried against the vocabulary.
 */
export class Rules {
  readonly #bodies = new Map<string, string>();
  readonly #names = new Map<string, string>();
  /** Counted repeats that are written already: without them the work would grow with the count. */
  readonly #counted = new Map<string, string>();
  #characters = 0;

  /** The name of a rule with this body; equal bodies have one rule. */
  add(body: string): string {
    const known = this.#names.get(body);
    if (known !== undefined) return known;
    const name = this.reserve();
    this.#names.set(body, name);
    this.define(name, body);
    return name;
  }

  /** A name whose rule follows, for what refers to itself. */
  reserve(): string {
    const name = `r${this.#bodies.size}`;
    this.#bodies.set(name, nothing);
    return name;
  }

  /** @throws {RequestError} If the grammar becomes too long. */
  define(name: string, body: string): void {
    this.#characters += body.length;
    if (this.#characters > limits.grammarCharacters) {
      refuse(`The constraint must need a grammar of at most ${limits.grammarCharacters} characters`);
    }
    this.#bodies.set(name, body);
  }

  /**
   * `item`, at least `min` and at most `max` times.
   *
   * @throws {RequestError} If it counts too far.
   */
  repeat(item: string, min: number, max: number): string {
    const most = max === Infinity ? min : max;
    if (most > limits.repeats) {
      refuse(`The constraint must count to at most ${limits.repeats}, not ${most}`);
    }
    const one = /^(r\d+|\[[^\]]*\])$/.test(item) ? item : this.add(item);
    const least = this.#exactly(one, min);
    if (max === min) return least;
    const more = max === Infinity ? `${one}*` : this.#upTo(one, max - min);
    return min === 0 ? more : `${least} ${more}`;
  }

  #exactly(item: string, count: number): string {
    if (count === 0) return nothing;
    if (count === 1) return item;
    const half = this.#exactly(item, count >>> 1);
    return this.add(count % 2 === 0 ? `${half} ${half}` : `${half} ${half} ${item}`);
  }

  /** Each count is matched in one way only: either less than the highest power of two in `most`, or the rest of it. */
  #upTo(item: string, most: number): string {
    if (most === 0) return nothing;
    const key = `${most} ${item}`;
    const known = this.#counted.get(key);
    if (known !== undefined) return known;
    const power = 2 ** Math.floor(Math.log2(most));
    const less = this.#upTo(item, power - 1);
    const rule = this.add(`${less} | ${this.#exactly(item, power)} ${this.#upTo(item, most - power)}`);
    this.#counted.set(key, rule);
    return rule;
  }

  /** The grammar whose first rule is `root`. */
  print(root: string): string {
    const rules = [...this.#bodies].map(([name, body]) => `${name} ::= ${body}\n`);
    return `root ::= ${root}\n${rules.join("")}`;
  }
}
