import { RequestError } from "../base/errors.ts";
import { printText } from "./print_chars.ts";
import type { CallConstraint, Constraint } from "./constraint.ts";
import { either, type Rules } from "./rules.ts";

/** What a call grammar is made with. */
export interface CallParts {
  /** An expression for the values that are valid under a schema. */
  readonly schema: (schema: unknown) => string;
  /** An expression for what the answer may be instead. */
  readonly constraint: (constraint: Constraint) => string;
}

/**
 * The body of the rule `root` for answers with calls. In free text a call is seen by its trigger, and held to the rest
 * of its form from there on.
 */
export function callGrammar(
  { forms, inText, several, otherwise }: CallConstraint,
  rules: Rules,
  { schema: expressionOf, constraint }: CallParts,
): string {
  // A function has the same schema in each of its forms.
  const values = new Map<unknown, string>();
  for (const { name, schema } of forms) {
    if (!values.has(schema)) values.set(schema, rules.add(naming(name, () => expressionOf(schema))));
  }
  if (inText) {
    const tags = forms.map(({ trigger, begin, schema, end }) => {
      const rest = `${printText(begin.slice(trigger.length))} ${values.get(schema)} ${printText(end)}`;
      return `(${printText(trigger)}, ${rules.add(rest)})`;
    });
    return `TagDispatch(${tags.join(", ")}, stop_eos=true, stop_str=(), loop_after_dispatch=${several})`;
  }
  const calls = forms.map(({ begin, schema, end }) =>
    `${printText(begin)} ${values.get(schema)} ${printText(end)}`
  );
  const call = rules.add(either(calls));
  if (several) return `${call} (${printText("; ")} ${call})*`;
  return otherwise ? either([call, constraint(otherwise)]) : call;
}

/** A schema's own error does not know whose parameters it describes. */
function naming<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    throw new RequestError(`The parameters of "${name}" cannot be used: ${error.message}`, {
      ...error.details,
      param: "tools",
    });
  }
}
