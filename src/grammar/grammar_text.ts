import { callGrammar } from "./call_grammar.ts";
import { printText } from "./print_chars.ts";
import { type Constraint, limits, refuse } from "./constraint.ts";
import { regexGrammar } from "./regex_grammar.ts";
import { Rules } from "./rules.ts";
import { schemaGrammar } from "./schema_grammar.ts";

/**
 * The grammar of a constraint, in GBNF.
 *
 * @throws {RequestError} Code `invalid_json_schema` or `invalid_grammar`, if the constraint cannot be kept to.
 */
export function grammarText(constraint: Constraint): string {
  if (constraint.type === "grammar") return checkedGrammar(constraint.text);
  const rules = new Rules();
  return rules.print(expression(constraint, rules));
}

function expression(constraint: Constraint, rules: Rules): string {
  switch (constraint.type) {
    case "json":
      return schemaGrammar({ type: "object" }, rules);
    case "json_schema":
      return schemaGrammar(constraint.schema, rules);
    case "grammar":
      return refuse("A grammar cannot be one of several forms of an answer");
    case "regex":
      return rules.add(regexGrammar(constraint.pattern, rules));
    case "choice":
      return rules.add(choices(constraint.choices));
    case "calls":
      return callGrammar(constraint, rules, {
        schema: (schema) => schemaGrammar(schema, rules),
        constraint: (other) => expression(other, rules),
      });
  }
}

function checkedGrammar(text: string): string {
  if (text.length > limits.characters) {
    refuse(`A grammar must have at most ${limits.characters} characters, not ${text.length}`);
  }
  // The compiler takes the ends of such a range for bytes, and would let through what nobody has asked for.
  const beyond = classesOf(text).find((found) =>
    /^\[(?!\^)/.test(found) && /[^\0-\x7f]|\\[uU](?!00[0-7])/.test(found.replace(/\\(?![uU])[\0-\x7f]/g, ""))
  );
  if (beyond !== undefined) {
    refuse(
      `The class ${JSON.stringify(beyond.slice(0, 80))} of a grammar must have characters of ASCII only`,
      "Name the others one by one, as texts, or everything but some of ASCII, as in [^a-z]",
    );
  }
  return text.toWellFormed();
}

/**
 * The classes of a grammar: brackets that are in no literal and no comment. What is not closed ends with its line, so
 * that no character is looked at twice: a text of brackets alone would hold up everybody.
 */
function classesOf(text: string): string[] {
  const pieces = text.matchAll(/"(?:[^"\\\n]|\\.)*|(\[(?:[^\]\\\n]|\\.)*\]?)|#.*/g);
  return [...pieces].flatMap(([, found]) => found ?? []);
}

function choices(choices: readonly string[]): string {
  if (choices.length === 0 || choices.length > limits.choices) {
    refuse(`There must be 1 to ${limits.choices} texts to choose from, not ${choices.length}`);
  }
  const size = choices.reduce((sum, choice) => sum + choice.length, 0);
  if (size > limits.characters) {
    refuse(`The texts to choose from must have at most ${limits.characters} characters, not ${size}`);
  }
  return [...new Set(choices.map((choice) => choice.toWellFormed()))].map(printText).join(" | ");
}
