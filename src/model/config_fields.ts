import { join } from "node:path";
import { ModelError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";
import { type Json, type JsonObject, parseStrictJson } from "../base/strict_json.ts";
import { openWeightFile, type WeightFile } from "../weights/file.ts";

/** Inclusive limits of a number. */
export interface Limits {
  readonly min: number;
  readonly max: number;
}

/** Published configuration files have 5 kB. */
const maxConfigBytes = 1 << 20;

/**
 * The fields of one object of a configuration file, read with the limit of each. Every refusal names the
 * file, the field by its full path, what it must be and what it is. As Hugging Face does, `null` counts as
 * absent.
 */
export class Fields {
  readonly #file: string;
  readonly #prefix: string;
  readonly #object: JsonObject;

  private constructor(file: string, prefix: string, object: JsonObject) {
    this.#file = file;
    this.#prefix = prefix;
    this.#object = object;
  }

  /** @throws {ModelError} If the file is missing, too big, or not a JSON object. */
  static open(directory: string, name: string): Fields {
    const file = openWeightFile(join(directory, name));
    try {
      if (file.size > maxConfigBytes) {
        throw new ModelError(
          `Cannot load ${
            quote(file.path, 1000)
          }: must have at most ${maxConfigBytes} bytes, has ${file.size}`,
          "Download the file again.",
        );
      }
      return new Fields(file.path, "", parseObject(file));
    } finally {
      file.close();
    }
  }

  has(name: string): boolean {
    return (this.#object.get(name) ?? null) !== null;
  }

  /** The first of several spellings that is present, or the first one, for the refusal to name. */
  spelling(...names: readonly [string, ...string[]]): string {
    return names.find((name) => this.has(name)) ?? names[0];
  }

  child(name: string): Fields {
    const value = this.#object.get(name);
    return value instanceof Map
      ? new Fields(this.#file, `${this.#prefix}${name}.`, value)
      : this.fail(name, "an object");
  }

  integer(name: string, limits: Limits): number {
    const value = this.#object.get(name);
    return isInteger(value, limits)
      ? value
      : this.fail(name, `an integer from ${limits.min} to ${limits.max}`);
  }

  number(name: string, limits: Limits): number {
    const value = this.#object.get(name);
    if (typeof value === "number" && value >= limits.min && value <= limits.max) return value;
    return this.fail(name, `a number from ${limits.min} to ${limits.max}`);
  }

  boolean(name: string, absent?: boolean): boolean {
    if (absent !== undefined && !this.has(name)) return absent;
    const value = this.#object.get(name);
    return typeof value === "boolean" ? value : this.fail(name, "true or false");
  }

  /** A value out of a short list; `absent`, when given, is what a missing field means. */
  oneOf<T extends string | number | boolean>(name: string, values: readonly T[], absent?: T): T {
    if (absent !== undefined && !this.has(name)) return absent;
    const value = this.#object.get(name);
    const need = values.map((value) => JSON.stringify(value)).join(" or ");
    return values.find((allowed) => allowed === value) ?? this.fail(name, need);
  }

  /** Exactly this list of words. */
  words(name: string, words: readonly string[]): void {
    const value = this.#object.get(name);
    const same = Array.isArray(value) && value.length === words.length &&
      value.every((word, i) => word === words[i]);
    if (!same) this.fail(name, `[${words.map((word) => quote(word)).join(", ")}]`);
  }

  integers(name: string, count: Limits, limits: Limits): number[] {
    const value = this.#object.get(name);
    if (isList(value, count) && value.every((item) => isInteger(item, limits))) return value as number[];
    return this.fail(name, `${count.min} to ${count.max} integers from ${limits.min} to ${limits.max}`);
  }

  /** A list, or its only member alone. */
  oneOrMoreIntegers(name: string, maxCount: number, limits: Limits): number[] {
    const value = this.#object.get(name);
    return isInteger(value, limits) ? [value] : this.integers(name, { min: 1, max: maxCount }, limits);
  }

  numbers(name: string, count: Limits, limits: Limits): number[] {
    const value = this.#object.get(name);
    const valid = isList(value, count) &&
      value.every((item) => typeof item === "number" && item >= limits.min && item <= limits.max);
    if (valid) return value as number[];
    return this.fail(name, `${count.min} to ${count.max} numbers from ${limits.min} to ${limits.max}`);
  }

  /** A list of `[a, b]` pairs. */
  pairs(name: string, count: Limits, limits: Limits): (readonly [number, number])[] {
    const value = this.#object.get(name);
    const isPair = (item: Json) =>
      isList(item, { min: 2, max: 2 }) && item.every((size) => isInteger(size, limits));
    if (isList(value, count) && value.every(isPair)) return value as unknown as [number, number][];
    return this.fail(
      name,
      `${count.min} to ${count.max} pairs of integers from ${limits.min} to ${limits.max}`,
    );
  }

  /** Refuses a field: `must be <need>, is <value>`. */
  fail(name: string, need: string): never {
    throw new ModelError(
      `Cannot load ${quote(this.#file, 1000)}: ${this.#prefix}${name} must be ${need}, is ${
        this.#shown(name)
      }`,
      "Use a Llama 3.2 Vision (mllama) checkpoint as published, or export it again.",
    );
  }

  #shown(name: string): string {
    const value = this.#object.get(name);
    if (value === undefined) return "missing";
    if (typeof value === "string") return quote(value, 60);
    if (value instanceof Map) return "an object";
    if (!Array.isArray(value)) return String(value);
    const scalars = value.every((item) => typeof item !== "object" || item === null);
    return scalars && value.length <= 16 ? quote(value.join(", "), 120) : `a list of ${value.length}`;
  }
}

function parseObject(file: WeightFile): JsonObject {
  let fault = "must be a JSON object";
  try {
    const json = parseStrictJson(file.read(0, file.size));
    if (json instanceof Map) return json;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    fault = error.message;
  }
  throw new ModelError(`Cannot load ${quote(file.path, 1000)}: ${fault}`, "Download the file again.");
}

function isInteger(value: Json | undefined, { min, max }: Limits): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max;
}

function isList(value: Json | undefined, count: Limits): value is Json[] {
  return Array.isArray(value) && value.length >= count.min && value.length <= count.max;
}
