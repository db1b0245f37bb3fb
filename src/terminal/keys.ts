/**
 * What a person did at the keyboard. `named` keys carry their modifiers in front, in this order: `"enter"`,
 * `"ctrl-c"`, `"alt-enter"`, `"ctrl-alt-shift-up"`.
 */
export type Key =
  | { readonly type: "text"; readonly text: string }
  /** A bracketed paste, whole, with line feeds between its lines. */
  | { readonly type: "paste"; readonly text: string }
  | { readonly type: "named"; readonly name: string };

const escape = "\x1b";
const pasteBegin = "\x1b[200~";
const pasteEnd = "\x1b[201~";

/** More than this of one paste is no question: the rest is dropped. */
const maxPasteLength = 4 * 1024 * 1024;

/** Last byte of a control sequence to the key. */
const finals: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  F: "end",
  H: "home",
  Z: "shift-tab",
};

/** Number of a sequence that ends in `~` to the key. */
const numbers: Readonly<Record<number, string>> = {
  1: "home",
  2: "insert",
  3: "delete",
  4: "end",
  5: "page-up",
  6: "page-down",
  7: "home",
  8: "end",
};

/** Code points that have a name instead of a text. */
const codes: Readonly<Record<number, string>> = {
  9: "tab",
  13: "enter",
  27: "escape",
  127: "backspace",
  57414: "enter", // of the keypad, in the Kitty protocol
};

// deno-lint-ignore no-control-regex -- control characters are what these patterns are about
const sequence = /\x1b\[([<=>?]?[0-9;:]*)[ -/]*([@-~])/y;
// deno-lint-ignore no-control-regex -- see above
const unfinished = /^\x1b(\[[0-9;:<=>?]*[ -/]*|O)?$/;
// deno-lint-ignore no-control-regex -- see above
const plain = /[^\x00-\x1f\x7f]+/y;

/**
 * Bytes of a terminal in raw mode to keys. Characters and sequences that come in pieces are put together; a sequence
 * that means no key is swallowed.
 */
export class KeyDecoder {
  readonly #decoder = new TextDecoder();
  #pending = "";
  #pasting = false;
  /** Up to where the paste was searched for its end. */
  #searched = 0;

  /** Whether an escape character waits for what may follow it: after a moment without bytes, call `flush`. */
  get waiting(): boolean {
    return !this.#pasting && this.#pending !== "";
  }

  /** The keys that these bytes complete. */
  push(bytes: Uint8Array): Key[] {
    this.#pending += this.#decoder.decode(bytes, { stream: true });
    return this.#take();
  }

  /** Nothing followed: what waits was the escape key. */
  flush(): Key[] {
    if (!this.waiting) return [];
    this.#pending = "";
    return [{ type: "named", name: "escape" }];
  }

  #take(): Key[] {
    const keys: Key[] = [];
    let at = 0;
    while (at < this.#pending.length) {
      if (this.#pasting) {
        const end = this.#pending.indexOf(pasteEnd, Math.max(at, this.#searched));
        if (end < 0) break;
        keys.push(pasteOf(this.#pending.slice(at, end)));
        at = end + pasteEnd.length;
        this.#pasting = false;
        continue;
      }
      if (this.#pending.startsWith(pasteBegin, at)) {
        at += pasteBegin.length;
        this.#pasting = true;
        this.#searched = at;
        continue;
      }
      const step = readKey(this.#pending, at);
      if (step === undefined) break;
      if (step.key) keys.push(step.key);
      at += step.length;
    }
    this.#pending = this.#pending.slice(at);
    if (this.#pasting) this.#trimPaste();
    return keys;
  }

  /** The paste's end may have come in part; everything before that was searched. */
  #trimPaste(): void {
    if (this.#pending.length > maxPasteLength + pasteEnd.length) {
      this.#pending = this.#pending.slice(0, maxPasteLength) + this.#pending.slice(-pasteEnd.length);
    }
    this.#searched = Math.max(0, this.#pending.length - pasteEnd.length);
  }
}

function pasteOf(text: string): Key {
  // Terminals send what the enter key would.
  return { type: "paste", text: text.replace(/\r\n?/g, "\n") };
}

interface Step {
  readonly key: Key | undefined;
  readonly length: number;
}

/** One key at this place, or `undefined` if more bytes could belong to it. */
function readKey(text: string, at: number): Step | undefined {
  plain.lastIndex = at;
  const typed = plain.exec(text)?.[0];
  if (typed !== undefined) return { key: { type: "text", text: typed }, length: typed.length };
  if (text[at] !== escape) return { key: controlKey(text.charCodeAt(at)), length: 1 };
  if (unfinished.test(text.slice(at, at + 32))) return undefined;
  sequence.lastIndex = at;
  const found = sequence.exec(text);
  if (found) return { key: sequenceKey(found[1]!, found[2]!), length: found[0].length };
  if (text[at + 1] === "O") return { key: named(finals[text[at + 2]!]), length: 3 };
  if (text[at + 1] === escape) return { key: named("escape"), length: 1 };
  return altKey(text, at + 1);
}

/** Escape and a character is Alt and that character. */
function altKey(text: string, at: number): Step {
  const code = text.codePointAt(at)!;
  const character = String.fromCodePoint(code);
  const key = code < 32 || code === 127 ? controlKey(code) : named(character);
  const name = key?.type === "named" ? key.name : character;
  return { key: named(modified(name, { alt: true })), length: 1 + character.length };
}

function controlKey(code: number): Key | undefined {
  const name = codes[code];
  if (name !== undefined) return named(name);
  if (code === 0) return named("ctrl-space");
  return named(`ctrl-${String.fromCharCode(code + 64).toLowerCase()}`);
}

function sequenceKey(parameters: string, final: string): Key | undefined {
  if (/^[<=>?]/.test(parameters)) return undefined;
  // A sub-parameter behind a colon says more about the key than is needed here.
  const values = parameters.split(";").map((value) => Number.parseInt(value, 10) || 0);
  const [first = 0, second = 0, third = 0] = values;
  if (final === "u") return codeKey(first, second);
  if (final === "~" && first === 27) return codeKey(third, second);
  const name = final === "~" ? numbers[first] : finals[final];
  return name === undefined ? undefined : named(modified(name, modifiersOf(second)));
}

/** A key that a terminal reports by its code point and modifiers: Kitty's protocol, xterm's modifyOtherKeys. */
function codeKey(code: number, parameter: number): Key | undefined {
  const modifiers = modifiersOf(parameter);
  const name = codes[code];
  if (name !== undefined) return named(modified(name, modifiers));
  const isCharacter = code >= 32 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xf8ff);
  if (!isCharacter) return undefined;
  const character = String.fromCodePoint(code);
  if (!modifiers.ctrl && !modifiers.alt) return { type: "text", text: character };
  return named(
    modified(character === " " ? "space" : character.toLowerCase(), { ...modifiers, shift: false }),
  );
}

interface Modifiers {
  readonly ctrl?: boolean;
  readonly alt?: boolean;
  readonly shift?: boolean;
}

/** The parameter is one more than the bits: 1 shift, 2 alt, 4 ctrl. */
function modifiersOf(parameter: number): Modifiers {
  const bits = Math.max(0, parameter - 1);
  return { shift: (bits & 1) !== 0, alt: (bits & 2) !== 0, ctrl: (bits & 4) !== 0 };
}

function modified(name: string, { ctrl, alt, shift }: Modifiers): string {
  const bare = name.replace(/^(ctrl-|shift-)+/, "");
  const has = (prefix: string) => name.startsWith(prefix);
  return `${ctrl || has("ctrl-") ? "ctrl-" : ""}${alt ? "alt-" : ""}${
    shift || has("shift-") ? "shift-" : ""
  }${bare}`;
}

function named(name: string | undefined): Key | undefined {
  return name === undefined ? undefined : { type: "named", name };
}
