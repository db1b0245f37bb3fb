import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

/**
 * Whether values are valid under a schema, formats included. Draft 2020-12, whichever one the schema names: they agree
 * on what the examples have.
 */
export function validatorOf(schema: unknown): (value: unknown) => boolean {
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  if (typeof schema === "boolean") return ajv.compile(schema);
  const { $schema: _, ...rest } = schema as Record<string, unknown>;
  return ajv.compile(rest);
}
