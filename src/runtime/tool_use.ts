import { type CallForm, taughtForm, usualForms } from "../chat/call_forms.ts";
import type { CallableFunction } from "../chat/tool_call_reader.ts";
import type {
  CallConstraint,
  Constraint,
  FunctionDefinition,
  GenerateRequest,
  ToolChoice,
} from "./request.ts";

/**
 * How the functions may be called. One whose arguments are held to its schema is called in the forms only in which
 * they are: in any other, what looks like a call is text.
 */
export function callableFunctions({ mode, functions }: ToolChoice): CallableFunction[] {
  return functions.map(({ name, strict }) =>
    mode === "auto" && strict ? { name, beginnings: usualForms(name).map(({ begin }) => begin) } : { name }
  );
}

/**
 * What the answers must be, calls included. Where a call is required, everything is held to the functions' schemas;
 * where the model may choose, the calls of functions that are `strict`, and text is free. Where text must keep to a
 * constraint of its own, an answer is that or a single call.
 */
export function constraintOf({ toolChoice, constraint }: GenerateRequest): Constraint | undefined {
  if (!toolChoice) return constraint;
  const { mode, functions, parallel: several } = toolChoice;
  const taught = (name: string) => [taughtForm(name)];
  if (mode === "required") return calls(functions, taught, { inText: false, several });
  if (constraint) return calls(functions, taught, { inText: false, several: false, otherwise: constraint });
  const strict = functions.filter((definition) => definition.strict);
  return strict.length === 0 ? undefined : calls(strict, usualForms, { inText: true, several });
}

function calls(
  functions: readonly FunctionDefinition[],
  formsOf: (name: string) => CallForm[],
  how: Omit<CallConstraint, "type" | "forms">,
): CallConstraint {
  const forms = functions.flatMap((definition) => {
    const schema = schemaOf(definition);
    return formsOf(definition.name).map((form) => ({ ...form, name: definition.name, schema }));
  });
  return { type: "calls", forms, ...how };
}

/** Arguments are an object, also where a schema does not say what it is a schema of. */
function schemaOf({ parameters }: FunctionDefinition): unknown {
  if (!parameters) return { type: "object", properties: {}, additionalProperties: false };
  const isOpen = !["$ref", "anyOf", "oneOf", "allOf"].some((keyword) => Object.hasOwn(parameters, keyword));
  return isOpen ? { type: "object", ...parameters } : parameters;
}
