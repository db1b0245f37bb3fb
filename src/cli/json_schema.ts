import { readFile } from "node:fs/promises";
import type { Constraint } from "../runtime/request.ts";
import { UsageError } from "./exit_codes.ts";
import { readReason } from "./read_reason.ts";

/**
 * What `--json-schema` asks for: a JSON schema as it stands there, or in a file.
 *
 * @throws {UsageError} If the file cannot be read, or there is no JSON.
 */
export async function readJsonSchema(given: string | undefined): Promise<Constraint | undefined> {
  if (given === undefined) return undefined;
  // No path begins so that anybody would write.
  const isText = given.trimStart().startsWith("{");
  try {
    return { type: "json_schema", schema: JSON.parse(isText ? given : await readFile(given, "utf8")) };
  } catch (error) {
    const source = isText ? "after --json-schema" : `"${given}"`;
    throw new UsageError(
      `Cannot read the JSON schema ${source}: ${readReason(error)}`,
      'Give a file, or the schema itself: --json-schema \'{"type": "object"}\'',
    );
  }
}
