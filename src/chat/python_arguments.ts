/** Nesting that arguments may have. */
const maxDepth = 64;

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const namePattern = /[A-Za-z_]\w*/y;
const words: Readonly<Record<string, string>> = {
  True: "true",
  False: "false",
  None: "null",
  true: "true",
  false: "false",
  null: "null",
};
const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  b: "\b",
  f: "\f",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/**
 * What stands between the parentheses of a Python call, as the JSON text of an object: `a=1, b=[True, 'x']` is
 * `{"a": 1, "b": [true, "x"]}`. Literals only, and every argument with its name; otherwise `undefined`.
 */
export function pythonArguments(text: string): string | undefined {
  try {
    return new LiteralParser(text).arguments();
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

class LiteralParser {
  #at = 0;

  constructor(readonly text: string) {}

  arguments(): string {
    const members: string[] = [];
    const names = new Set<string>();
    this.#skipSpace();
    while (this.#at < this.text.length) {
      const name = this.#match(namePattern) ?? this.#fail();
      if (names.has(name)) this.#fail();
      names.add(name);
      this.#expect("=");
      members.push(`${JSON.stringify(name)}: ${this.#value(0)}`);
      this.#skipSpace();
      if (this.#at < this.text.length) this.#expect(",");
      this.#skipSpace();
    }
    return `{${members.join(", ")}}`;
  }

  #value(depth: number): string {
    if (depth > maxDepth) this.#fail();
    this.#skipSpace();
    const first = this.text[this.#at];
    if (first === '"' || first === "'") return JSON.stringify(this.#string(first));
    if (first === "[") return `[${this.#list("]", () => this.#value(depth + 1))}]`;
    if (first === "(") return `[${this.#list(")", () => this.#value(depth + 1))}]`;
    if (first === "{") return `{${this.#list("}", () => this.#member(depth + 1))}}`;
    const number = this.#match(numberPattern);
    if (number !== undefined) return number;
    const word = this.#match(namePattern);
    return word !== undefined && Object.hasOwn(words, word) ? words[word]! : this.#fail();
  }

  #member(depth: number): string {
    this.#skipSpace();
    const quote = this.text[this.#at];
    if (quote !== '"' && quote !== "'") this.#fail();
    const key = JSON.stringify(this.#string(quote!));
    this.#expect(":");
    return `${key}: ${this.#value(depth)}`;
  }

  /** Items up to `close`; a comma may follow the last one. */
  #list(close: string, item: () => string): string {
    const items: string[] = [];
    this.#at++;
    for (;;) {
      this.#skipSpace();
      if (this.text[this.#at] === close) break;
      items.push(item());
      this.#skipSpace();
      if (this.text[this.#at] !== close) this.#expect(",");
    }
    this.#at++;
    return items.join(", ");
  }

  #string(quote: string): string {
    let value = "";
    for (this.#at++; this.text[this.#at] !== quote; this.#at++) {
      if (this.#at >= this.text.length) this.#fail();
      value += this.text[this.#at] === "\\" ? this.#escape() : this.text[this.#at]!;
    }
    this.#at++;
    if (!value.isWellFormed()) this.#fail();
    return value;
  }

  /** The character that an escape stands for; ends on the escape's last character. Python keeps unknown ones whole. */
  #escape(): string {
    const kind = this.text[++this.#at] ?? this.#fail();
    const digits = { x: 2, u: 4, U: 8 }[kind];
    if (digits === undefined) return escapes[kind] ?? `\\${kind}`;
    const hex = this.text.slice(this.#at + 1, this.#at + 1 + digits);
    const code = /^[0-9a-fA-F]+$/.test(hex) && hex.length === digits ? parseInt(hex, 16) : Infinity;
    if (code > 0x10ffff) this.#fail();
    this.#at += digits;
    return String.fromCodePoint(code);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #expect(mark: string): void {
    this.#skipSpace();
    if (this.text[this.#at] !== mark) this.#fail();
    this.#at++;
  }

  #skipSpace(): void {
    while (/\s/.test(this.text[this.#at] ?? "")) this.#at++;
  }

  #fail(): never {
    throw new SyntaxError(`No Python literal at character ${this.#at}`);
  }
}
