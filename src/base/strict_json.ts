import { quote } from "./quote.ts";

/** A parsed value. Objects are maps, so that a key like `__proto__` is a key and nothing else. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = Map<string, Json>;

/** Nesting a file may have before it is refused. Model files use four levels. */
const maxDepth = 64;

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * Parses JSON from an untrusted file (RFC 8259), stricter than `JSON.parse`: invalid UTF-8, a byte-order
 * mark, lone surrogates, duplicate keys, numbers beyond f64 and more than 64 levels are refused. Linear in
 * the text's length; the caller bounds that.
 *
 * @throws {SyntaxError} Naming the fault and its character offset.
 */
export function parseStrictJson(bytes: Uint8Array): Json {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SyntaxError("JSON must be UTF-8, this is not");
  }
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  #at = 0;

  constructor(readonly text: string) {}

  value(depth: number): Json {
    if (depth > maxDepth) this.#fail(`more than ${maxDepth} levels`);
    this.#skipSpace();
    switch (this.text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  end(): void {
    this.#skipSpace();
    if (this.#at < this.text.length) this.#fail("text after the value");
  }

  #object(depth: number): JsonObject {
    const object: JsonObject = new Map();
    this.#at++;
    if (this.#take("}")) return object;
    do {
      this.#skipSpace();
      const key = this.#string();
      if (object.has(key)) this.#fail(`duplicate key ${quote(key)}`);
      this.#expect(":");
      object.set(key, this.value(depth + 1));
    } while (this.#take(","));
    this.#expect("}");
    return object;
  }

  #array(depth: number): Json[] {
    const array: Json[] = [];
    this.#at++;
    if (this.#take("]")) return array;
    do array.push(this.value(depth + 1)); while (this.#take(","));
    this.#expect("]");
    return array;
  }

  /**
   * By hand, because a regular expression with a loop around escapes overflows its stack on a long string.
   */
  #string(): string {
    const start = this.#at;
    if (this.text[start] !== '"') this.#fail("no string");
    let escaped = false;
    let code: number;
    while ((code = this.text.charCodeAt(++this.#at)) !== 0x22) {
      // NaN is the end of the text.
      if (!(code >= 0x20)) this.#fail("unfinished string");
      if (code !== 0x5c) continue;
      escaped = true;
      this.#at++;
    }
    const raw = this.text.slice(start, ++this.#at);
    return escaped ? this.#unescape(raw) : raw.slice(1, -1);
  }

  #unescape(raw: string): string {
    let text: string;
    try {
      text = JSON.parse(raw) as string;
    } catch {
      this.#fail("bad escape in a string");
    }
    if (!text.isWellFormed()) this.#fail("lone surrogate in a string");
    return text;
  }

  #number(): number {
    numberPattern.lastIndex = this.#at;
    const raw = numberPattern.exec(this.text)?.[0] ?? this.#fail("no value");
    this.#at += raw.length;
    const number = Number(raw);
    if (!Number.isFinite(number)) this.#fail("number out of range");
    return number;
  }

  #word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.#at)) this.#fail("no value");
    this.#at += word.length;
    return value;
  }

  #take(mark: string): boolean {
    this.#skipSpace();
    if (this.text[this.#at] !== mark) return false;
    this.#at++;
    return true;
  }

  #expect(mark: string): void {
    if (!this.#take(mark)) this.#fail(`no "${mark}"`);
  }

  #skipSpace(): void {
    let code = this.text.charCodeAt(this.#at);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
      code = this.text.charCodeAt(++this.#at);
    }
  }

  #fail(what: string): never {
    throw new SyntaxError(`Invalid JSON at character ${this.#at}: ${what}`);
  }
}
