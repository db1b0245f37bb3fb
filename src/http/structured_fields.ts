import { RequestError } from "../base/errors.ts";
import type { Constraint } from "../runtime/request.ts";
import { z } from "./zod.ts";

const formatName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, {
  error: "must be 1 to 64 letters, digits, underscores or dashes",
});

/** What a text must be, in the form that the API has for it. */
export const responseFormatSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object({
      name: formatName.nullish(),
      description: z.string().nullish(),
      schema: z.record(z.string(), z.unknown()),
      // Answers are always held to the schema: false asks for less, and gets more.
      strict: z.boolean().nullish(),
    }),
  }),
], { error: 'must be "text", "json_object" or "json_schema"' });

/** The fields that say what an answer must be, of every route that generates text. */
export const structuredFields = {
  response_format: responseFormatSchema.nullish(),
  // Other servers' names for what the API does not have.
  grammar: z.string().min(1).nullish(),
  regex: z.string().nullish(),
  choice: z.array(z.string()).min(1).nullish(),
};

const structuredSchema = z.object(structuredFields);
export type StructuredBody = z.output<typeof structuredSchema>;

/**
 * What the answer must be; nothing where it is free.
 *
 * @throws {RequestError} If two fields say what it must be.
 */
export function toConstraint(
  { response_format: format, grammar, regex, choice }: StructuredBody,
): Constraint | undefined {
  const given: { readonly param: string; readonly constraint: Constraint }[] = [];
  if (format?.type === "json_object") given.push({ param: "response_format", constraint: { type: "json" } });
  if (format?.type === "json_schema") {
    const { schema } = format.json_schema;
    given.push({ param: "response_format", constraint: { type: "json_schema", schema } });
  }
  if (typeof grammar === "string") {
    given.push({ param: "grammar", constraint: { type: "grammar", text: grammar } });
  }
  if (typeof regex === "string") {
    given.push({ param: "regex", constraint: { type: "regex", pattern: regex } });
  }
  if (choice) given.push({ param: "choice", constraint: { type: "choice", choices: choice } });
  const [first, second] = given;
  if (first && second) {
    throw new RequestError(`"${second.param}" must be left out beside "${first.param}"`, {
      param: second.param,
      code: "invalid_value",
    });
  }
  return first?.constraint;
}
