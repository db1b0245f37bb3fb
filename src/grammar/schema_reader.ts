import { RequestError } from "../base/errors.ts";
import { limits } from "./constraint.ts";

export type Schema = Readonly<Record<string, unknown>>;

/** A place in a schema: a JSON pointer such as `#/properties/name`. */
export type Place = string;

/** Keywords that say something about a value which a grammar cannot hold an answer to. */
const unkept = [
  "$dynamicRef",
  "$recursiveRef",
  "contains",
  "dependencies",
  "dependentRequired",
  "dependentSchemas",
  "else",
  "if",
  "multipleOf",
  "not",
  "then",
  "unevaluatedItems",
];

export function refuseSchema(place: Place, reason: string): never {
  const at = place.slice(0, 120).toWellFormed();
  throw new RequestError(`The JSON schema, at ${JSON.stringify(at)}, ${reason}`, {
    code: "invalid_json_schema",
    remedy: "llamav help schema lists what a schema may have",
  });
}

/**
 * One schema of a schema, with the types of its keywords checked.
 *
 * @throws {RequestError} If it is no schema, or asks for what cannot be kept to.
 */
export class SchemaReader {
  constructor(readonly schema: Schema, readonly place: Place) {
    for (const keyword of unkept) {
      if (schema[keyword] !== undefined && schema[keyword] !== null) {
        refuseSchema(place, `must not have "${keyword}": answers cannot be held to it`);
      }
    }
    if (schema["uniqueItems"] === true) refuseSchema(place, "must not ask for unique items");
  }

  has(keyword: string): boolean {
    return this.schema[keyword] !== undefined;
  }

  /** The place of a keyword, or of what is below it. */
  at(...keys: readonly string[]): Place {
    const escaped = keys.map((key) => key.replaceAll("~", "~0").replaceAll("/", "~1"));
    return [this.place, ...escaped].join("/");
  }

  refuse(reason: string): never {
    refuseSchema(this.place, reason);
  }

  number(keyword: string): number | undefined {
    const value = this.schema[keyword];
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !Number.isFinite(value)) this.#wrong(keyword, "a number");
    return value;
  }

  /** A length or a number of items. */
  count(keyword: string): number | undefined {
    const value = this.number(keyword);
    if (value === undefined) return undefined;
    if (!Number.isInteger(value) || value < 0) this.#wrong(keyword, "a whole number, not negative");
    return value;
  }

  text(keyword: string): string | undefined {
    const value = this.schema[keyword];
    if (value === undefined) return undefined;
    if (typeof value !== "string") this.#wrong(keyword, "a text");
    return value;
  }

  list(keyword: string): readonly unknown[] | undefined {
    const value = this.schema[keyword];
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) this.#wrong(keyword, "a list");
    if (value.length > limits.choices) {
      this.refuse(`must have at most ${limits.choices} entries in "${keyword}", not ${value.length}`);
    }
    return value;
  }

  texts(keyword: string): readonly string[] {
    const values = this.list(keyword) ?? [];
    if (!values.every((value) => typeof value === "string")) this.#wrong(keyword, "a list of texts");
    return values as readonly string[];
  }

  object(keyword: string): Schema | undefined {
    const value = this.schema[keyword];
    if (value === undefined) return undefined;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#wrong(keyword, "an object");
    }
    return value as Schema;
  }

  #wrong(keyword: string, need: string): never {
    refuseSchema(this.at(keyword), `must be ${need}`);
  }
}

/**
 * The schema that a reference within the same document means.
 *
 * @throws {RequestError} If it leads elsewhere, or nowhere.
 */
export function resolveReference(root: unknown, reference: string, place: Place): unknown {
  if (reference !== "#" && !reference.startsWith("#/")) {
    refuseSchema(
      place,
      `may refer to itself only, with "#/…", not to ${JSON.stringify(reference.slice(0, 80))}`,
    );
  }
  let target = root;
  for (const part of reference.split("/").slice(1)) {
    const key = unescapePointer(part);
    const isThere = typeof target === "object" && target !== null && Object.hasOwn(target, key);
    if (!isThere) {
      refuseSchema(place, `refers to ${JSON.stringify(reference.slice(0, 80))}, which is not there`);
    }
    target = (target as Schema)[key];
  }
  return target;
}

function unescapePointer(part: string): string {
  const plain = part.replaceAll("~1", "/").replaceAll("~0", "~");
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}
