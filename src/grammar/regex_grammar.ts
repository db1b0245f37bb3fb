import { anyChar, type CharSet, charSet, charsOf, contains, intersect, subtract } from "./char_set.ts";
import { formsOfSet, printText } from "./print_chars.ts";
import { refuse } from "./constraint.ts";
import { parseRegex, type Regex } from "./regex_syntax.ts";
import { either, nothing, type Rules } from "./rules.ts";

/** How a set of characters is written where the pattern applies. */
type PrintSet = (set: CharSet) => string;

/** Characters that may stand in a JSON string as they are. */
export const plainInJson = subtract(anyChar, charSet([[0, 0x1f], ...charsOf('"\\')]));
const escapesInJson: readonly [char: string, written: string][] = [
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
];

/**
 * An expression for the texts that a pattern fits from the first character to the last.
 *
 * @throws {RequestError} If the pattern cannot be read, or fits nothing.
 */
export function regexGrammar(pattern: string, rules: Rules): string {
  return expression(parseRegex(pattern), rules, plainSet);
}

/** The same for the inside of a JSON string whose value the pattern fits. */
export function regexInJson(pattern: string, rules: Rules): string {
  return expression(parseRegex(pattern), rules, jsonSet);
}

function expression(regex: Regex, rules: Rules, print: PrintSet): string {
  switch (regex.type) {
    case "set":
      return print(regex.set);
    case "sequence":
      return regex.items.map((item) => expression(item, rules, print)).join(" ") || nothing;
    case "either":
      return either(regex.items.map((item) => expression(item, rules, print)));
    case "repeat":
      return rules.repeat(expression(regex.item, rules, print), regex.min, regex.max);
  }
}

function plainSet(set: CharSet): string {
  if (set.length === 0) refuse("A pattern must not have a class without characters");
  return either(formsOfSet(set));
}

function jsonSet(set: CharSet): string {
  const forms = jsonForms(set);
  if (forms.length === 0) refuse("A pattern must not have a class without characters that JSON can write");
  return either(forms);
}

/** Characters in a JSON string: as they are where that is allowed, and escaped in the short form where they must be. */
export function jsonForms(set: CharSet): string[] {
  const plain = intersect(set, plainInJson);
  const escaped = escapesInJson.filter(([char]) => contains(set, char.codePointAt(0)!))
    .map(([, written]) => printText(written));
  return plain.length === 0 ? escaped : [...formsOfSet(plain), ...escaped];
}
