import { UsageError } from "./exit_codes.ts";

export const modelArgument = ["<model>", "directory of a checkpoint in Hugging Face layout"] as const;

/**
 * The one model that was meant, of the several ways to say it.
 *
 * @throws {UsageError} If none was given, or two that differ.
 */
export function oneModel(...given: readonly (string | undefined)[]): string {
  const names = new Set(given.filter((name) => name !== undefined && name !== ""));
  const [first, second] = names as Set<string>;
  if (first === undefined) {
    throw new UsageError("No model was given", "Name the directory of a checkpoint: llamav serve MODEL");
  }
  if (second !== undefined) {
    throw new UsageError(`Two models were given, ${first} and ${second}`, "Give one of them");
  }
  return first;
}
