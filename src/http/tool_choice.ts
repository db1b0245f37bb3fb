import { RequestError } from "../base/errors.ts";
import type { FunctionDefinition, ToolChoice } from "../runtime/request.ts";
import { limits } from "./limits.ts";
import { z } from "./zod.ts";

/** A choice in a word, or one that names functions, which every route writes in its own way. */
export function toolChoiceOf<T extends z.ZodType>(naming: T) {
  return z.union([z.enum(["none", "auto", "required"]), naming], {
    error:
      'must be "none", "auto", "required", a function by its name, or "allowed_tools" with a mode and functions',
  });
}

const namedFunction = z.object({ type: z.literal("function"), function: z.object({ name: z.string() }) });

/** `tool_choice` of `/v1/chat/completions`. */
export const toolChoiceSchema = toolChoiceOf(
  z.discriminatedUnion("type", [
    namedFunction,
    z.object({
      type: z.literal("allowed_tools"),
      allowed_tools: z.object({
        mode: z.enum(["auto", "required"]),
        tools: z.array(namedFunction).min(1).max(limits.tools),
      }),
    }),
  ]),
);

/** What of a body says which functions may be called. */
export interface ToolFields {
  readonly tools?:
    | readonly {
      readonly function: {
        readonly name: string;
        readonly parameters?: Readonly<Record<string, unknown>> | null;
        readonly strict?: boolean | null;
      };
    }[]
    | null;
  readonly tool_choice?: z.output<typeof toolChoiceSchema> | null;
  readonly parallel_tool_calls?: boolean | null;
}

/**
 * The functions that may be called, and how; nothing where none may. A named function is called once.
 *
 * @throws {RequestError} If a name is there twice, a function that is chosen is not there, or the parameters of one
 *   are no object.
 */
export function toToolChoice(
  { tools, tool_choice, parallel_tool_calls }: ToolFields,
): ToolChoice | undefined {
  const functions = (tools ?? []).map((tool, index) => toDefinition(tool.function, index));
  checkNames(functions);
  const { mode, chosen, named } = wantedCalls(tool_choice);
  const unknown = chosen?.find((name) => !functions.some((definition) => definition.name === name));
  if (unknown !== undefined) {
    throw refusal(
      "tool_choice",
      `must choose of "tools", which have no "${unknown.slice(0, 64).toWellFormed()}"`,
    );
  }
  if (mode === "required" && functions.length === 0) throw refusal("tool_choice", 'needs "tools"');
  if (mode === "none" || functions.length === 0) return undefined;
  return {
    mode,
    functions: functions.filter(({ name }) => chosen?.includes(name) ?? true),
    parallel: !named && parallel_tool_calls !== false,
  };
}

interface WantedCalls {
  readonly mode: "none" | "auto" | "required";
  /** Names of the functions that may be called; left out, all. */
  readonly chosen?: readonly string[];
  readonly named: boolean;
}

function wantedCalls(choice: ToolFields["tool_choice"]): WantedCalls {
  if (typeof choice !== "object" || choice === null) return { mode: choice ?? "auto", named: false };
  if (choice.type === "function") return { mode: "required", chosen: [choice.function.name], named: true };
  const { mode, tools } = choice.allowed_tools;
  return { mode, chosen: tools.map((tool) => tool.function.name), named: false };
}

type GivenFunction = NonNullable<ToolFields["tools"]>[number]["function"];

function toDefinition({ name, parameters, strict }: GivenFunction, index: number): FunctionDefinition {
  const type = parameters?.["type"];
  if (type !== undefined && type !== "object") {
    throw refusal(`tools[${index}].function.parameters`, 'must be a JSON schema of the type "object"');
  }
  return { name, parameters: parameters ?? undefined, strict: strict === true };
}

function checkNames(functions: readonly FunctionDefinition[]): void {
  const names = new Set<string>();
  for (const [index, { name }] of functions.entries()) {
    if (names.has(name)) {
      throw refusal(`tools[${index}].function.name`, `must be unique, "${name}" is there twice`);
    }
    names.add(name);
  }
}

function refusal(param: string, reason: string): RequestError {
  return new RequestError(`"${param}" ${reason}`, { param, code: "invalid_value" });
}
