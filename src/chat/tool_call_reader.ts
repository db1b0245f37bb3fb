import { pythonArguments } from "./python_arguments.ts";

/** What a character means to a reader: the call may still come, is complete, or is none. */
export type Reading = "more" | "done" | "none";

/** How a function may be called. */
export interface CallableFunction {
  readonly name: string;
  /**
   * The only texts that its arguments may stand behind; left out, every known form is taken. A function whose
   * arguments must keep to a schema is called only where something held them to it.
   */
  readonly beginnings?: readonly string[];
}

/** Longest text that waits to become a call. What is longer and still has no name and arguments is none. */
const maxUndecided = 16_384;

const space = /\s/;
const wordCharacter = /[\w-]/;
const keysBesideArguments = ["name", "type"];
const argumentKeys = ["parameters", "arguments"];

/**
 * Reads one call, character by character, in one of the forms that the models write:
 *
 * - `{"name": "f", "parameters": {…}}`, also with `"arguments"`, a `"type": "function"`, or in another order
 * - `<function=f>{…}</function>`
 * - `f(a=1, b="x")` and `f.call(a=1)`
 *
 * As soon as it is certain that this is a call, `name` is there, and `arguments` grows with what comes: JSON as the
 * model writes it, which this does not check.
 */
export class ToolCallReader {
  name: string | undefined;
  /** JSON text that nobody has taken yet. */
  arguments = "";
  /** Once the call is complete: what was read beyond its end, and is no part of it. */
  rest = "";
  readonly #functions: readonly CallableFunction[];
  readonly #steps: Generator<void, boolean>;
  /** The character that is being looked at, and all before it. */
  #character = "";
  #before = "";

  /** @param first the character that the call begins with, which decides its form; it is not read by that */
  constructor(functions: readonly CallableFunction[], first: string) {
    this.#functions = functions;
    this.#steps = first === "{" ? this.#json() : first === "<" ? this.#element() : this.#python();
  }

  /** Takes the next character, from the first one on. */
  take(character: string): Reading {
    this.#character = character;
    const step = this.#steps.next();
    if (step.done) return step.value ? "done" : "none";
    if (this.name !== undefined) return "more";
    this.#before += character;
    return this.#before.length > maxUndecided ? "none" : "more";
  }

  /** `{"name": "f", "parameters": {…}}` */
  *#json(): Generator<void, boolean> {
    yield; // the brace
    let name: string | undefined;
    let given: string | undefined;
    for (;;) {
      yield* this.#spaces();
      // Until the name is one of a function, most objects are found out by their first key.
      const keys = name === undefined ? [...keysBesideArguments, ...argumentKeys] : undefined;
      const key = yield* this.#quoted(keys);
      if (key === undefined || !(yield* this.#mark(":"))) return false;
      if (key === "name") {
        if (name !== undefined) return false;
        name = yield* this.#quoted(this.#functions.map((one) => one.name));
        if (name === undefined) return false;
      } else if (!argumentKeys.includes(key)) {
        const value = yield* this.#value();
        if (key === "type" && value !== '"function"') return false;
      } else if (name !== undefined && given === undefined && this.#character === "{") {
        return (yield* this.#streamed(name)) && (yield* this.#endOfJson());
      } else {
        if (given !== undefined) return false;
        given = asObject(yield* this.#value());
        if (given === undefined) return false;
      }
      yield* this.#spaces();
      if (this.#character === ",") {
        yield;
        continue;
      }
      return this.#character === "}" && name !== undefined && given !== undefined && this.#whole(name, given);
    }
  }

  /** What follows the arguments in the object: the closing brace, and before it keys that say nothing more. */
  *#endOfJson(): Generator<void, boolean> {
    yield* this.#spaces();
    if (this.#character === ",") {
      yield* this.#nested("{", "}", 1, () => {});
    } else if (this.#character !== "}") {
      this.rest = this.#character;
    }
    return true;
  }

  /** `<function=f>{…}</function>` */
  *#element(): Generator<void, boolean> {
    for (const expected of "<function=") {
      if (this.#character !== expected) return false;
      yield;
    }
    const name = yield* this.#word();
    if (name === undefined || !(yield* this.#mark(">"))) return false;
    if (this.#character !== "{" || !(yield* this.#streamed(name))) return false;
    yield* this.#spaces();
    const end = "</function>";
    for (let at = 0; at < end.length; at++) {
      if (at > 0) yield;
      if (this.#character === end[at]) continue;
      this.rest = end.slice(0, at) + this.#character;
      break;
    }
    return true;
  }

  /** `f(a=1, b="x")`; nothing of it is given away before its end, where it is known to make sense. */
  *#python(): Generator<void, boolean> {
    const name = yield* this.#word();
    if (name === undefined) return false;
    for (const expected of this.#character === "." ? ".call" : "") {
      if (this.#character !== expected) return false;
      yield;
    }
    if (this.#character !== "(") return false;
    let text = "";
    yield* this.#nested("(", ")", 0, (character) => text += character);
    const json = pythonArguments(text.slice(1, -1));
    return json !== undefined && this.#whole(name, json);
  }

  *#spaces(): Generator<void, void> {
    while (space.test(this.#character)) yield;
  }

  /** A mark with spaces around it. */
  *#mark(mark: string): Generator<void, boolean> {
    yield* this.#spaces();
    if (this.#character !== mark) return false;
    yield;
    yield* this.#spaces();
    return true;
  }

  /** A string without escapes; given up at the first character with which it is none of `expected`. */
  *#quoted(expected?: readonly string[]): Generator<void, string | undefined> {
    if (this.#character !== '"') return undefined;
    let text = "";
    for (;;) {
      yield;
      if (this.#character === '"') break;
      if (this.#character === "\\") return undefined;
      text += this.#character;
      if (expected && !expected.some((one) => one.startsWith(text))) return undefined;
    }
    if (expected && !expected.includes(text)) return undefined;
    yield;
    return text;
  }

  /** The name of a function, up to what cannot be part of one. */
  *#word(): Generator<void, string | undefined> {
    let text = "";
    while (wordCharacter.test(this.#character)) {
      text += this.#character;
      if (!this.#functions.some(({ name }) => name.startsWith(text))) return undefined;
      yield;
    }
    return this.#functions.some(({ name }) => name === text) ? text : undefined;
  }

  /** The raw text of a JSON value, with the character behind it as the next one. */
  *#value(): Generator<void, string> {
    let text = "";
    const add = (character: string) => text += character;
    if (this.#character === "{" || this.#character === "[") {
      const close = this.#character === "{" ? "}" : "]";
      yield* this.#nested(this.#character, close, 0, add);
      yield;
    } else if (this.#character === '"') {
      yield* this.#string(add);
      yield;
    } else {
      for (; !/[\s,}]/.test(this.#character); yield) add(this.#character);
    }
    return text;
  }

  /** The arguments of a call that is certain from here on, piece by piece, with what follows as the next character. */
  *#streamed(name: string): Generator<void, boolean> {
    if (!this.#begins(name)) return false;
    this.name = name;
    yield* this.#nested("{", "}", 0, (character) => this.arguments += character);
    yield;
    return true;
  }

  /** A call whose arguments are all there. */
  #whole(name: string, json: string): boolean {
    if (!this.#begins(name)) return false;
    this.name = name;
    this.arguments = json;
    return true;
  }

  #begins(name: string): boolean {
    const { beginnings } = this.#functions.find((one) => one.name === name)!;
    return beginnings?.includes(this.#before) ?? true;
  }

  /**
   * Everything up to the bracket that closes, brackets inside strings left out, with that as the current character.
   *
   * @param depth brackets that are open already, when the current character is none
   */
  *#nested(
    open: string,
    close: string,
    depth: number,
    add: (character: string) => void,
  ): Generator<void, void> {
    for (;;) {
      if (this.#character === '"' || (open === "(" && this.#character === "'")) {
        yield* this.#string(add);
      } else {
        add(this.#character);
        if (this.#character === open) depth++;
        if (this.#character === close && --depth === 0) return;
      }
      yield;
    }
  }

  /** A string up to its closing quote, with that as the current character. */
  *#string(add: (character: string) => void): Generator<void, void> {
    const quote = this.#character;
    add(quote);
    for (yield; this.#character !== quote; yield) {
      add(this.#character);
      if (this.#character !== "\\") continue;
      yield; // whatever is escaped
      add(this.#character);
    }
    add(quote);
  }
}

/** The JSON text of arguments that came before the name, or as a text, or as nothing; no object, no arguments. */
function asObject(raw: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(raw);
    if (value === null) return "{}";
    if (typeof value === "string") return asObject(value);
  } catch {
    return undefined;
  }
  return typeof value === "object" && !Array.isArray(value) ? raw : undefined;
}
