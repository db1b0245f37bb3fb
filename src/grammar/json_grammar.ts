import { anyChar, charsOf, subtract } from "./char_set.ts";
import { printText } from "./print_chars.ts";
import { numberGrammar } from "./number_grammar.ts";
import { jsonForms, plainInJson } from "./regex_grammar.ts";
import { nothing, type Rules } from "./rules.ts";

const hex = "[0-9a-fA-F]";
const quote = printText('"');

/** The grammar of JSON itself, in rules that the parts of a schema share. */
export class JsonGrammar {
  readonly rules: Rules;
  /** Between the parts of objects and lists: nothing, a space, or a new line and how far it is moved in. */
  readonly space: string;
  #any: string | undefined;

  constructor(rules: Rules) {
    this.rules = rules;
    this.space = rules.add(`"" | " " | "\\n" ${rules.repeat("[\\x20\\x09]", 0, 31)}`);
  }

  /**
   * A character within a string, in each of its forms; halves of surrogate pairs come in pairs only. Without rules
   * within: the compiler can say beforehand which tokens lie inside a string.
   */
  get char(): string {
    const codes = [
      `[0-9a-cA-CefEF] ${hex} ${hex} ${hex}`,
      `[dD] [0-7] ${hex} ${hex}`,
      `[dD] [89abAB] ${hex} ${hex} "\\\\u" [dD] [c-fC-F] ${hex} ${hex}`,
    ];
    return this.rules.add(
      [...jsonForms(anyChar), '"\\\\/"', ...codes.map((code) => `"\\\\u" ${code}`)].join(" | "),
    );
  }

  get string(): string {
    return this.rules.add(`${quote} ${this.rules.repeat(this.char, 0, Infinity)} ${quote}`);
  }

  get number(): string {
    return numberGrammar(false, {}, this.rules);
  }

  /** Any value. */
  get any(): string {
    if (this.#any !== undefined) return this.#any;
    const any = this.#any = this.rules.reserve();
    const object = this.rules.add(this.map(this.string, any, 0, Infinity));
    const list = this.rules.add(this.list([], any, 0, Infinity));
    this.rules.define(
      any,
      `${object} | ${list} | ${this.string} | ${this.number} | "true" | "false" | "null"`,
    );
    return any;
  }

  /** One value, written in the one way that has no spaces. */
  value(value: unknown): string {
    return printText(JSON.stringify(value));
  }

  /** A string with what `inside` matches. */
  quoted(inside: string): string {
    return `${quote} ${inside} ${quote}`;
  }

  /** A string of at least `min` and at most `max` characters. */
  stringOf(min: number, max: number): string {
    if (min === 0 && max === Infinity) return this.string;
    // Without codes: a character has one length whichever way it is written.
    const char = this.rules.add([...jsonForms(anyChar), '"\\\\/"'].join(" | "));
    return this.quoted(this.rules.repeat(char, min, max));
  }

  /** An object of any number of members that are alike. */
  map(key: string, value: string, min: number, max: number): string {
    const member = this.rules.add(`${key} ":" ${this.space} ${value}`);
    return this.#enclose("{", this.#separated(member, min, max), "}", min === 0);
  }

  member(key: string, value: string): string {
    return `${key} ":" ${this.space} ${value}`;
  }

  /** What stands between two members or items. */
  get comma(): string {
    return `"," ${this.space}`;
  }

  object(members: string, mayBeEmpty: boolean): string {
    return this.#enclose("{", members, "}", mayBeEmpty);
  }

  /** A list of first items, each with its own form, and of more that are alike. `min` and `max` are of the latter. */
  list(first: readonly string[], more: string, min: number, max: number): string {
    if (max === 0 && first.length === 0) return `"[" ${this.space} "]"`;
    if (first.length === 0) return this.#enclose("[", this.#separated(more, min, max), "]", min === 0);
    const rest = max === 0 ? "" : this.rules.repeat(this.rules.add(`${this.comma} ${more}`), min, max);
    return this.#enclose("[", `${first.join(` ${this.comma} `)} ${rest}`, "]", false);
  }

  /** At least one; at most `max`. */
  #separated(item: string, min: number, max: number): string {
    const more = this.rules.add(`${this.comma} ${item}`);
    return `${item} ${this.rules.repeat(more, Math.max(0, min - 1), max - 1)}`;
  }

  /** What can be left out has a rule of its own: two forms that begin alike would be mixed up by the compiler. */
  #enclose(open: string, content: string, close: string, mayBeEmpty: boolean): string {
    const filled = `${content} ${this.space} "${close}"`;
    const rest = mayBeEmpty ? this.rules.add(`"${close}" | ${filled}`) : filled;
    return `"${open}" ${this.space} ${rest}`;
  }
}

/** Characters of names that other names may agree with. More of them make the grammar slow to compile. */
const fewCharacters = 40;

/**
 * Strings that are none of `names`, written without escapes as far as they agree with one of them. Where there are
 * many, they differ from each in the first two characters.
 */
export function otherStrings(names: readonly string[], json: JsonGrammar): string {
  const characters = names.reduce((sum, name) => sum + name.length, 0);
  const depth = characters > fewCharacters ? 2 : Infinity;
  return json.quoted(otherTexts(names.map((name) => [...name]), json, depth));
}

function otherTexts(names: readonly (readonly string[])[], json: JsonGrammar, depth: number): string {
  const next = new Set(names.flatMap(([char]) => char === undefined ? [] : [char]));
  const isName = names.some((name) => name.length === 0);
  // An escape could spell a name.
  const others = subtract(plainInJson, charsOf([...next].join("")));
  const any = json.rules.repeat(json.char, 0, Infinity);
  const forms = [`${json.rules.add(jsonForms(others).join(" | "))} ${any}`];
  if (!isName) forms.unshift(nothing);
  for (const char of next) {
    if (depth === 1 || char === '"' || char === "\\" || char < " ") continue;
    const rest = names.filter((name) => name[0] === char).map((name) => name.slice(1));
    forms.push(`${printText(char)} ${otherTexts(rest, json, depth - 1)}`);
  }
  return json.rules.add(forms.join(" | "));
}
