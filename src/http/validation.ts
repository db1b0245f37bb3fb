import type { z } from "zod";
import { RequestError } from "../base/errors.ts";

/**
 * Parses `value`, or says which field is wrong, what it must be and what it is.
 *
 * @param whole what to call `value` itself
 * @throws {RequestError} For the first wrong field; `param` is its path, such as `messages[0].content`.
 */
export function parseWith<T>(schema: z.ZodType<T>, value: unknown, whole = "The body"): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const { path, given } = locate(value, issue.path);
  const param = formatPath(path);
  const missing = given === undefined && path.length > 0;
  const subject = path.length === 0 ? whole : `"${param}"`;
  const message = missing ? `${subject} is required` : `${subject} ${requirement(issue, given)}`;
  throw new RequestError(message, { param, code: missing ? "missing_required_parameter" : "invalid_value" });
}

/** `["messages", 0, "content"]` is `messages[0].content`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    // Keys may be the client's own, of any length.
    const name = String(key).slice(0, 64).toWellFormed();
    return text === "" ? name : `${text}.${name}`;
  }, "");
}

function requirement(issue: z.core.$ZodIssue, given: unknown): string {
  const have = describe(given);
  switch (issue.code) {
    case "invalid_type":
      return `must be ${withArticle(issue.expected)}, not ${have}`;
    case "invalid_value":
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}, not ${have}`;
    case "too_small":
      return `must ${amount(issue.origin, "least", issue.minimum)}, not ${have}`;
    case "too_big":
      return `must ${amount(issue.origin, "most", issue.maximum)}, not ${have}`;
    case "unrecognized_keys":
      return `must not contain ${JSON.stringify(issue.keys[0]?.slice(0, 40))}`;
    default:
      // Patterns, refinements and unions carry a message of ours that begins with "must".
      return `${issue.message}, not ${have}`;
  }
}

function amount(origin: string, which: "least" | "most", limit: number | bigint): string {
  if (origin === "array") return `have at ${which} ${limit} ${limit === 1 ? "item" : "items"}`;
  if (origin === "string") return `have at ${which} ${limit} ${limit === 1 ? "character" : "characters"}`;
  return `be at ${which} ${limit}`;
}

/** What zod's types are called here. */
const plainNames: Readonly<Record<string, string>> = { int: "whole number", array: "list", record: "object" };

function withArticle(expected: string): string {
  const noun = plainNames[expected] ?? expected;
  return /^[aeiou]/.test(noun) ? `an ${noun}` : `a ${noun}`;
}

/** What was given, short: a string may be a whole picture. */
function describe(given: unknown): string {
  if (Array.isArray(given)) return `a list of ${given.length}`;
  if (typeof given === "object" && given !== null) return describeObject(given);
  if (typeof given !== "string") return String(given);
  return given.length > 40 ? `a text of ${given.length} characters` : JSON.stringify(given);
}

function describeObject(given: object): string {
  const keys = Object.keys(given);
  if (keys.length === 0) return "an empty object";
  const shown = keys.slice(0, 3).map((key) => JSON.stringify(key.slice(0, 40))).join(", ");
  return `an object with ${shown}${keys.length > 3 ? " and more" : ""}`;
}

/**
 * The value that an issue is about. The schema widens short forms before it looks (a text becomes a list with one
 * text part), so a path may lead into what the client never wrote; then the short form itself is meant.
 */
function locate(value: unknown, path: readonly PropertyKey[]): { path: PropertyKey[]; given: unknown } {
  let given = value;
  for (const [index, key] of path.entries()) {
    if (typeof given !== "object" || given === null) return { path: path.slice(0, index), given };
    given = Object.hasOwn(given, key) ? (given as Record<PropertyKey, unknown>)[key] : undefined;
    if (given === undefined) return { path: path.slice(0, index + 1), given };
  }
  return { path: [...path], given };
}
