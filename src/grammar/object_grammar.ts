import { otherStrings } from "./json_grammar.ts";
import { regexInJson } from "./regex_grammar.ts";
import { nothing } from "./rules.ts";
import type { SchemaWriter } from "./schema_grammar.ts";
import type { SchemaReader } from "./schema_reader.ts";

interface Member {
  /** `"name": value`, as an expression. */
  readonly expression: string;
  readonly required: boolean;
}

/** The objects that are valid under a schema of type `object`. */
export function objectGrammar(reader: SchemaReader, writer: SchemaWriter, depth: number): string {
  const properties = Object.entries(reader.object("properties") ?? {});
  const required = new Set(reader.texts("required"));
  if (properties.length === 0 && required.size === 0) return mapGrammar(reader, writer, depth);
  for (const keyword of ["patternProperties", "propertyNames"]) {
    if (reader.has(keyword)) reader.refuse(`must not have "${keyword}" beside "properties"`);
  }
  const additional = reader.schema["additionalProperties"] ?? false;
  const members = properties.flatMap(([name, schema]): Member[] => {
    if (schema === false && !required.has(name)) return [];
    const value = writer.writeInner(schema, reader.at("properties", name), depth);
    return [{ expression: writer.json.member(writer.json.value(name), value), required: required.has(name) }];
  });
  for (const name of required) {
    if (properties.some(([known]) => known === name)) continue;
    // Valid, where it is not forbidden: a member of which nothing else is said.
    const schema = reader.schema["additionalProperties"] ?? true;
    if (schema === false) reader.refuse(`requires ${JSON.stringify(name.slice(0, 80))} and forbids it`);
    const value = writer.writeInner(schema, reader.at("additionalProperties"), depth);
    members.push({ expression: writer.json.member(writer.json.value(name), value), required: true });
  }
  checkSize(reader, required.size, additional === false ? members.length : Infinity);
  const names = [...properties.map(([name]) => name), ...required];
  const more = additional === false ? undefined : writer.json.member(
    otherStrings(names, writer.json),
    writer.writeInner(additional, reader.at("additionalProperties"), depth),
  );
  return chain(members, more, writer);
}

/**
 * Members in their order, those that are not required there or not. For each place in the order two rules: one for the
 * rest behind a member, which begins with a comma, and one for the rest of an object that has none so far.
 */
function chain(members: readonly Member[], more: string | undefined, { rules, json }: SchemaWriter): string {
  const others = more === undefined
    ? undefined
    : rules.repeat(rules.add(`${json.comma} ${more}`), 0, Infinity);
  let behind = others ?? nothing;
  let begin: string | undefined = more === undefined ? undefined : rules.add(`${more} ${others}`);
  for (const { expression, required } of [...members].reverse()) {
    const filled = rules.add(`${expression} ${behind}`);
    begin = required || begin === undefined ? filled : rules.add(`${filled} | ${begin}`);
    behind = rules.add(required ? `${json.comma} ${filled}` : `${json.comma} ${filled} | ${behind}`);
  }
  const mayBeEmpty = !members.some(({ required }) => required);
  return begin === undefined ? `"{" ${json.space} "}"` : json.object(begin, mayBeEmpty);
}

/** An object whose names are not given one by one. */
function mapGrammar(reader: SchemaReader, writer: SchemaWriter, depth: number): string {
  const { json } = writer;
  const max = reader.count("maxProperties") ?? Infinity;
  const patterns = Object.entries(reader.object("patternProperties") ?? {});
  let key = json.string;
  let schema: unknown = reader.schema["additionalProperties"] ?? true;
  let place = reader.at("additionalProperties");
  if (patterns.length > 0) {
    if (patterns.length > 1 || reader.has("propertyNames")) {
      reader.refuse("must have one pattern of names only");
    }
    const [pattern, ofPattern] = patterns[0]!;
    key = json.quoted(regexInJson(pattern, writer.rules));
    schema = ofPattern;
    place = reader.at("patternProperties");
  } else if (reader.has("propertyNames")) {
    const names = reader.schema["propertyNames"];
    const isStrings = typeof names === "object" && names !== null;
    key = writer.writeInner(
      isStrings ? { type: "string", ...names } : names,
      reader.at("propertyNames"),
      depth,
    );
  }
  // A name may come twice, and counts once then.
  if ((reader.count("minProperties") ?? 0) > 1) {
    reader.refuse("must not ask for more than one unnamed property");
  }
  const min = reader.count("minProperties") ?? 0;
  if (min > max) reader.refuse(`asks for at least ${min} properties and at most ${max}`);
  if (schema === false || max === 0) {
    if (min > 0) reader.refuse(`asks for at least ${min} properties and forbids them`);
    return `"{" ${json.space} "}"`;
  }
  return json.map(key, writer.writeInner(schema, place, depth), min, max);
}

/** The number of members is not counted: a bound must hold by itself. */
function checkSize(reader: SchemaReader, least: number, most: number): void {
  const [min, max] = [reader.count("minProperties") ?? 0, reader.count("maxProperties") ?? Infinity];
  if (min > least) reader.refuse(`must require the ${min} properties that it asks for`);
  if (max < most) {
    reader.refuse(`must not have "maxProperties" below the number of properties that it allows`);
  }
}
