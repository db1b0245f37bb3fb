import { limits } from "./constraint.ts";
import { JsonGrammar } from "./json_grammar.ts";
import { numberGrammar } from "./number_grammar.ts";
import { objectGrammar } from "./object_grammar.ts";
import { regexInJson } from "./regex_grammar.ts";
import { either, type Rules } from "./rules.ts";
import { type Place, refuseSchema, resolveReference, type Schema, SchemaReader } from "./schema_reader.ts";
import { formatPatterns } from "./string_formats.ts";

type TypeName = "array" | "boolean" | "integer" | "null" | "number" | "object" | "string";
const typeNames: readonly string[] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/** What tells the type of a schema that does not name it. */
const telling: readonly (readonly [TypeName, readonly string[]])[] = [
  ["object", [
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
  ]],
  ["array", ["items", "prefixItems", "minItems", "maxItems", "additionalItems"]],
  ["string", ["pattern", "format", "minLength", "maxLength"]],
  ["number", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]],
];
const constraining = [
  "type",
  "enum",
  "const",
  "anyOf",
  "oneOf",
  "allOf",
  "$ref",
  ...telling.flatMap(([, keywords]) => keywords),
];

/**
 * An expression for the JSON that is valid under a schema: every text that it matches is, though it does not match
 * every one. Objects have the members that the schema names, in its order; others only if `additionalProperties` says
 * so. Of `oneOf`, more than one may apply. Patterns fit from the first character to the last.
 *
 * @throws {RequestError} Code `invalid_json_schema`, with the place, if the schema is malformed, matches nothing, or
 *   has keywords that cannot be kept to; code `invalid_grammar` if it is too large.
 */
export function schemaGrammar(schema: unknown, rules: Rules): string {
  const size = JSON.stringify(schema)?.length ?? 0;
  if (size > limits.characters) {
    refuseSchema("#", `must have at most ${limits.characters} characters, not ${size}`);
  }
  return new SchemaWriter(schema, rules).write(schema, "#", 0);
}

/** Writes the rules of one schema document. */
export class SchemaWriter {
  readonly rules: Rules;
  readonly json: JsonGrammar;
  readonly #root: unknown;
  /** Rules of what was referred to, by reference. */
  readonly #references = new Map<string, string>();
  /** References that are being followed, with no character in between: one that is met again matches nothing. */
  #following: readonly string[] = [];
  /** References that are being followed at all. */
  #depth = 0;

  constructor(root: unknown, rules: Rules) {
    this.#root = root;
    this.rules = rules;
    this.json = new JsonGrammar(rules);
  }

  /** The rule of the values that are valid under a schema. */
  write(schema: unknown, place: Place, depth: number): string {
    if (depth > limits.depth) refuseSchema(place, `must have at most ${limits.depth} levels`);
    if (schema === true) return this.json.any;
    if (schema === false) refuseSchema(place, "is false: no answer is valid under it");
    if (typeof schema !== "object" || schema === null || Array.isArray(schema)) {
      refuseSchema(place, "must be an object or true");
    }
    return this.rules.add(this.#body(new SchemaReader(schema as Schema, place), depth));
  }

  /** The same for what stands inside a value, behind its first character. */
  writeInner(schema: unknown, place: Place, depth: number): string {
    const following = this.#following;
    this.#following = [];
    const rule = this.write(schema, place, depth + 1);
    this.#following = following;
    return rule;
  }

  #body(reader: SchemaReader, depth: number): string {
    for (const keyword of ["$ref", "const", "enum", "anyOf", "oneOf", "allOf"] as const) {
      if (!reader.has(keyword)) continue;
      // A type beside a reference would have to be compared with what it leads to.
      const beside = keyword === "$ref" ? [] : ["type"];
      const other = constraining.find((name) =>
        name !== keyword && !beside.includes(name) && reader.has(name)
      );
      if (other) reader.refuse(`must not have "${other}" beside "${keyword}"`);
      if (keyword === "$ref") return this.#reference(reader);
      if (keyword === "const") return this.#values([reader.schema[keyword]], reader);
      if (keyword === "enum") return this.#values(reader.list(keyword)!, reader);
      return this.#branches(keyword, reader, depth);
    }
    const types = this.#types(reader);
    if (types.length === 0) return this.json.any;
    return either(types.map((type) => this.#typed(type, reader, depth)));
  }

  #reference(reader: SchemaReader): string {
    const reference = reader.text("$ref")!;
    if (this.#following.includes(reference)) reader.refuse("refers to itself and to nothing else");
    const known = this.#references.get(reference);
    if (known !== undefined) return known;
    const target = resolveReference(this.#root, reference, reader.at("$ref"));
    if (++this.#depth > limits.references) {
      reader.refuse(`must have at most ${limits.references} references that lead to each other`);
    }
    const rule = this.rules.reserve();
    this.#references.set(reference, rule);
    const following = this.#following;
    this.#following = [...following, reference];
    this.rules.define(rule, this.write(target, reference, 0));
    this.#following = following;
    this.#depth--;
    return rule;
  }

  #values(values: readonly unknown[], reader: SchemaReader): string {
    const types = reader.has("type") ? this.#types(reader) : undefined;
    const valid = types ? values.filter((value) => types.some((type) => isOfType(value, type))) : values;
    if (valid.length === 0) reader.refuse("has no value that is valid");
    return either(valid.map((value) => this.json.value(value)));
  }

  #branches(keyword: "anyOf" | "oneOf" | "allOf", reader: SchemaReader, depth: number): string {
    const branches = reader.list(keyword)!;
    if (branches.length === 0) reader.refuse(`must have an entry in "${keyword}"`);
    if (keyword === "allOf" && branches.length > 1) {
      reader.refuse(
        'must not have more than one entry in "allOf": answers cannot be held to several schemas',
      );
    }
    const types = reader.has("type") ? this.#types(reader) : undefined;
    const rules = branches.flatMap((branch, index) => {
      const place = reader.at(keyword, String(index));
      if (branch === false) return [];
      if (types) checkBranch(branch, types, place);
      return [this.write(branch, place, depth + 1)];
    });
    if (rules.length === 0) reader.refuse("has no entry that an answer can be valid under");
    return either([...new Set(rules)]);
  }

  #types(reader: SchemaReader): TypeName[] {
    const given = reader.schema["type"];
    if (given === undefined) {
      return telling.filter(([, keywords]) => keywords.some((keyword) => reader.has(keyword))).map(([type]) =>
        type
      );
    }
    const names = Array.isArray(given) ? given : [given];
    const unknown = names.find((name) => !typeNames.includes(name));
    if (unknown !== undefined || names.length === 0) {
      refuseSchema(reader.at("type"), `must be ${typeNames.join(", ")} or a list of these`);
    }
    return [...new Set(names)] as TypeName[];
  }

  #typed(type: TypeName, reader: SchemaReader, depth: number): string {
    switch (type) {
      case "null":
        return '"null"';
      case "boolean":
        return '("true" | "false")';
      case "integer":
      case "number":
        return numberGrammar(type === "integer", boundsOf(reader), this.rules);
      case "string":
        return this.#string(reader);
      case "array":
        return this.#array(reader, depth);
      case "object":
        return objectGrammar(reader, this, depth);
    }
  }

  #string(reader: SchemaReader): string {
    const [min, max] = [reader.count("minLength") ?? 0, reader.count("maxLength") ?? Infinity];
    if (min > max) reader.refuse(`asks for ${min} to ${max} characters`);
    const format = reader.text("format");
    const pattern = reader.text("pattern") ?? formatPatterns.get(format ?? "");
    if (pattern === undefined) return this.json.stringOf(min, max);
    const isBoth = reader.has("pattern") && formatPatterns.has(format ?? "");
    if (isBoth) reader.refuse('must not have "format" beside "pattern"');
    if (min > 0 || max < Infinity) reader.refuse("must not bound the length beside a pattern or a format");
    return this.json.quoted(regexInJson(pattern, this.rules));
  }

  #array(reader: SchemaReader, depth: number): string {
    const tuple = reader.has("prefixItems") || Array.isArray(reader.schema["items"]);
    const firstKey = reader.has("prefixItems") ? "prefixItems" : "items";
    const moreKey = tuple && firstKey === "items" ? "additionalItems" : "items";
    const first = tuple ? reader.list(firstKey)! : [];
    const more = reader.schema[moreKey] ?? !tuple;
    const [min, max] = [reader.count("minItems") ?? 0, reader.count("maxItems") ?? Infinity];
    const most = more === false ? Math.min(max, first.length) : max;
    if (min > most) reader.refuse(`asks for at least ${min} items and at most ${most}`);
    // Items of a tuple that may be missing are all there: that is valid as well.
    const leading = first.slice(0, most).map((item, index) =>
      this.writeInner(item, reader.at(firstKey, String(index)), depth)
    );
    const left = most - leading.length;
    const item = left > 0 ? this.writeInner(more, reader.at(moreKey), depth) : "";
    return this.json.list(leading, item, Math.max(0, min - leading.length), left);
  }
}

/** Beside `anyOf`, a type must be what each branch says itself. */
function checkBranch(branch: unknown, types: readonly TypeName[], place: Place): void {
  const own = typeof branch === "object" && branch !== null ? (branch as Schema)["type"] : undefined;
  const names = Array.isArray(own) ? own : [own];
  if (!names.every((name) => (types as readonly unknown[]).includes(name))) {
    refuseSchema(place, `must have its own "type", one of ${types.join(", ")}`);
  }
}

function boundsOf(reader: SchemaReader) {
  const bound = (inclusive: string, exclusive: string, tighter: (a: number, b: number) => boolean) => {
    const [within, without] = [reader.number(inclusive), reader.number(exclusive)];
    if (without !== undefined && (within === undefined || !tighter(within, without))) {
      return { value: without, exclusive: true };
    }
    return within === undefined ? undefined : { value: within, exclusive: false };
  };
  return {
    min: bound("minimum", "exclusiveMinimum", (a, b) => a > b),
    max: bound("maximum", "exclusiveMaximum", (a, b) => a < b),
  };
}

function isOfType(value: unknown, type: TypeName): boolean {
  if (value === null) return type === "null";
  if (Array.isArray(value)) return type === "array";
  if (type === "integer") return Number.isInteger(value);
  const typeName: string = typeof value;
  return typeName === type;
}
