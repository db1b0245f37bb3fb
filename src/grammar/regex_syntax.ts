import { anyChar, type CharSet, charSet, charsOf, subtract } from "./char_set.ts";
import { limits, refuse } from "./constraint.ts";

/** A regular expression that was read. */
export type Regex =
  | { readonly type: "set"; readonly set: CharSet }
  | { readonly type: "sequence"; readonly items: readonly Regex[] }
  | { readonly type: "either"; readonly items: readonly Regex[] }
  | { readonly type: "repeat"; readonly item: Regex; readonly min: number; readonly max: number };

const digits: CharSet = [[0x30, 0x39]];
const wordChars = charSet([...digits, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]);
const spaces = charsOf("\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff");
const allSpaces = charSet([...spaces, [0x2000, 0x200a]]);
const lineEnds = charsOf("\n\r\u2028\u2029");

const classes: Readonly<Record<string, CharSet>> = {
  d: digits,
  D: subtract(anyChar, digits),
  w: wordChars,
  W: subtract(anyChar, wordChars),
  s: allSpaces,
  S: subtract(anyChar, allSpaces),
};

const controls: Readonly<Record<string, string>> = { t: "\t", n: "\n", v: "\v", f: "\f", r: "\r", 0: "\0" };

/**
 * Reads a regular expression of ECMAScript as one that fits a whole text: `^` and `$` may stand at its ends and change
 * nothing. Without what a grammar cannot say: looking around, references back, borders of words.
 *
 * @throws {RequestError} If it is none, or has one of these.
 */
export function parseRegex(pattern: string): Regex {
  const size = [...pattern].length;
  if (size > limits.patternCharacters) {
    refuse(`A pattern must have at most ${limits.patternCharacters} characters, not ${size}`);
  }
  return new Parser(pattern).parse();
}

class Parser {
  readonly #chars: readonly string[];
  readonly #pattern: string;
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
    this.#chars = [...pattern];
  }

  parse(): Regex {
    const regex = this.#either(0);
    if (this.#at < this.#chars.length) this.#refuse('has a ")" that closes nothing');
    return regex;
  }

  #refuse(reason: string): never {
    refuse(
      `The pattern ${JSON.stringify(this.#pattern.slice(0, 80))} ${reason}, at character ${this.#at + 1}`,
    );
  }

  /** Takes `text` if it comes next. */
  #take(text: string): boolean {
    if (!this.#chars.slice(this.#at, this.#at + text.length).join("").startsWith(text)) return false;
    this.#at += text.length;
    return true;
  }

  #next(): string {
    return this.#chars[this.#at++] ?? this.#refuse("ends too early");
  }

  #either(depth: number): Regex {
    if (depth > limits.depth) this.#refuse(`must have at most ${limits.depth} groups within each other`);
    const items = [this.#sequence(depth)];
    while (this.#take("|")) items.push(this.#sequence(depth));
    return items.length === 1 ? items[0]! : { type: "either", items };
  }

  #sequence(depth: number): Regex {
    const items: Regex[] = [];
    if (depth === 0) this.#take("^");
    for (let char = this.#chars[this.#at]; char !== undefined; char = this.#chars[this.#at]) {
      if (char === "|" || char === ")") break;
      if (char === "$" && depth === 0 && [undefined, "|"].includes(this.#chars[this.#at + 1])) {
        this.#at++;
        break;
      }
      items.push(this.#quantified(this.#atom(depth)));
    }
    return items.length === 1 ? items[0]! : { type: "sequence", items };
  }

  #atom(depth: number): Regex {
    const char = this.#next();
    switch (char) {
      case "(":
        return this.#group(depth);
      case "[":
        return { type: "set", set: this.#class() };
      case ".":
        return { type: "set", set: subtract(anyChar, lineEnds) };
      case "\\":
        return { type: "set", set: this.#escape(false) };
      case "^":
      case "$":
        return this.#refuse(`may have "${char}" at its end only`);
      case "*":
      case "+":
      case "?":
        return this.#refuse(`has a "${char}" that repeats nothing`);
      default:
        return { type: "set", set: charsOf(char) };
    }
  }

  #group(depth: number): Regex {
    if (this.#take("?") && !this.#take(":")) {
      const isNamed = this.#chars[this.#at] === "<" && /[\p{L}_$]/u.test(this.#chars[this.#at + 1] ?? "");
      if (!isNamed) this.#refuse("must not look around");
      while (this.#next() !== ">");
    }
    const regex = this.#either(depth + 1);
    if (!this.#take(")")) this.#refuse('has a "(" that is not closed');
    return regex;
  }

  #quantified(item: Regex): Regex {
    const counts = this.#counts();
    if (!counts) return item;
    this.#take("?"); // asks for the shortest match, which is a match like any other
    const [min, max] = counts;
    if (max < min) this.#refuse(`counts from ${min} to ${max}`);
    return { type: "repeat", item, min, max };
  }

  #counts(): [min: number, max: number] | undefined {
    if (this.#take("*")) return [0, Infinity];
    if (this.#take("+")) return [1, Infinity];
    if (this.#take("?")) return [0, 1];
    const counted = /^\{(\d+)(,?)(\d*)\}/.exec(this.#chars.slice(this.#at, this.#at + 32).join(""));
    if (!counted) return undefined;
    this.#at += counted[0].length;
    const [, min, comma, max] = counted;
    return [Number(min), comma === "" ? Number(min) : max === "" ? Infinity : Number(max)];
  }

  #class(): CharSet {
    const negated = this.#take("^");
    const ranges: (readonly [number, number])[] = [];
    while (!this.#take("]")) {
      const first = this.#classAtom();
      const isRange = this.#chars[this.#at] === "-" && ![undefined, "]"].includes(this.#chars[this.#at + 1]);
      if (!isRange) {
        ranges.push(...first);
        continue;
      }
      this.#at++;
      const from = single(first) ?? this.#refuse("has a range that does not begin with a character");
      const to = single(this.#classAtom()) ?? this.#refuse("has a range that does not end with a character");
      if (to < from) this.#refuse("has a range that ends before it begins");
      ranges.push([from, to]);
    }
    const set = charSet(ranges);
    return negated ? subtract(anyChar, set) : set;
  }

  #classAtom(): CharSet {
    const char = this.#next();
    return char === "\\" ? this.#escape(true) : charsOf(char);
  }

  #escape(inClass: boolean): CharSet {
    const char = this.#next();
    if (classes[char]) return classes[char];
    if (controls[char] !== undefined) return charsOf(controls[char]);
    if (inClass && char === "b") return charsOf("\b");
    if (char === "x") return charsOf(this.#codePoint(/^[0-9a-fA-F]{2}/));
    if (char === "u") {
      return charsOf(this.#codePoint(/^[0-9a-fA-F]{4}|^\{[0-9a-fA-F]{1,6}\}/));
    }
    if (/[a-zA-Z0-9]/.test(char)) this.#refuse(`must not have "\\${char}"`);
    return charsOf(char);
  }

  #codePoint(form: RegExp): string {
    const [digits] = form.exec(this.#chars.slice(this.#at, this.#at + 8).join("")) ??
      this.#refuse("has an incomplete escape");
    this.#at += digits.length;
    const value = Number.parseInt(digits.replace(/[{}]/g, ""), 16);
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) this.#refuse("names no character");
    return String.fromCodePoint(value);
  }
}

/** The one character of a set that has no other. */
function single(set: CharSet): number | undefined {
  return set.length === 1 && set[0]![0] === set[0]![1] ? set[0]![0] : undefined;
}
