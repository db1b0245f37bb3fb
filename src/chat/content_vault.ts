/** A stretch of a prompt. Control tokens may be seen only where `control` is true: text of the template. */
export interface Segment {
  readonly text: string;
  readonly control: boolean;
}

/**
 * Keeps what callers wrote away from the template. Each text is replaced by a mark before rendering; afterwards
 * the output is cut at the marks and the texts are put back as segments of their own. So `<|eot_id|>` typed by a
 * user, or pieced together from a user's text and the template's, never becomes a control token.
 *
 * What a template can observe stays true: white space at both ends stays outside the mark, so that `trim` works
 * and a blank text is blank, and a long run of it is a mark made of white space; a mark inside `tojson` comes out escaped, which tells that the text has to be, too.
 * A template that takes a text apart (slices, splits) destroys the mark, and {@link restore} throws.
 */
export class ContentVault {
  readonly #texts: string[] = [];
  readonly #printed = new Set<number>();

  /** Number of texts kept so far; with {@link printed} it tells whether something reached the prompt. */
  get size(): number {
    return this.#texts.length;
  }

  /** A text for the template to print: white space, mark, white space. */
  protect(text: string): string {
    let begin = 0, end = text.length;
    while (begin < end && isSpace(text.charCodeAt(begin))) begin++;
    while (end > begin && isSpace(text.charCodeAt(end - 1))) end--;
    const before = this.#protectSpace(text.slice(0, begin));
    if (begin === end) return before;
    const index = this.#texts.push(text.slice(begin, end)) - 1;
    return before + markBegin + index + markEnd + this.#protectSpace(text.slice(end));
  }

  /** White space as it is, or a mark of white space: a template must not have to work on megabytes of it. */
  #protectSpace(text: string): string {
    if (shortSpace.test(text)) return text;
    const index = this.#texts.push(text) - 1;
    return spaceBegin + String(index).replace(/\d/g, (digit) => spaceDigits[Number(digit)]!) + spaceEnd;
  }

  /** A JSON value whose texts and keys are all kept here, but for the words of function definitions. */
  protectJson(value: unknown): unknown {
    if (typeof value === "string") return schemaWords.has(value) ? value : this.protect(value);
    if (Array.isArray(value)) return value.map((item) => this.protectJson(item));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [this.protectJson(key), this.protectJson(item)]),
    );
  }

  /**
   * Cuts rendered text at the marks.
   *
   * @throws {Error} If a mark was damaged.
   */
  restore(rendered: string): Segment[] {
    const segments: Segment[] = [];
    const add = (text: string, control: boolean) => {
      if (text !== "") segments.push({ text, control });
    };
    let begin = 0;
    for (const match of rendered.matchAll(mark)) {
      add(rendered.slice(begin, match.index), true);
      const [, textBegin, textIndex, textEnd, blankBegin, blankIndex, blankEnd] = match;
      if (textBegin !== undefined) {
        add(this.#text(Number(textIndex), textBegin !== markBegin, textEnd !== markEnd), false);
      } else {
        add(this.#text(spaceNumber(blankIndex!), blankBegin !== spaceBegin, blankEnd !== spaceEnd), false);
      }
      begin = match.index + match[0].length;
    }
    add(rendered.slice(begin), true);
    if (segments.some(({ text, control }) => control && damage.test(text))) throw damaged();
    return segments;
  }

  /** Whether any of the texts numbered `begin` to `end` (exclusive) was printed. */
  printed(begin: number, end: number): boolean {
    for (let i = begin; i < end; i++) if (this.#printed.has(i)) return true;
    return false;
  }

  #text(index: number, asJson: boolean, ascii: boolean): string {
    const text = this.#texts[index];
    if (text === undefined) throw damaged();
    this.#printed.add(index);
    if (!asJson) return text;
    const json = JSON.stringify(text).slice(1, -1);
    return ascii ? json.replace(/[\x7f-\uffff]/g, escapeUnit) : json;
  }
}

// U+0001 is escaped in JSON, U+0080 only in ASCII JSON: the marks tell where they were printed. Digits between
// them have no case. No caller's text is in the output, so nobody can forge a mark.
const markBegin = "\u0001";
const markEnd = "\u0080";
// Marks of white space are white space themselves, so that `trim` removes them whole. JSON escapes U+000B.
const spaceBegin = "\u000b";
const spaceEnd = "\u2029";
const spaceDigits = [..."\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"];
const mark =
  // deno-lint-ignore no-control-regex -- a control character is what marks begin with
  /(\u0001|(?<!\\)\\u0001)(\d+)(\u0080|\\u0080)|(\u000b|(?<!\\)\\u000b)((?:[\u2000-\u2009]|\\u200\d)+)(\u2029|\\u2029)/g;
// deno-lint-ignore no-control-regex
const damage = /[\u0001\u0080\u000b\u2029]|\\u0001|\\u0080|\\u000b|\\u2029/;
/** White space that no mark consists of, and little of it: most texts end in a line feed or two. */
const shortSpace = /^[ \t\r\n]{0,16}$/;

function spaceNumber(digits: string): number {
  return Number(
    digits.replace(/\\u200(\d)|[\u2000-\u2009]/g, (found, digit) => digit ?? found.charCodeAt(0) - 0x2000),
  );
}

/** The white space that both Python and JavaScript strip, one UTF-16 unit each. */
function isSpace(unit: number): boolean {
  if (unit < 0xa0) return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d);
  return wideSpaces.test(String.fromCharCode(unit));
}

const wideSpaces = /[\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/**
 * Words that templates look for in function definitions. They are the same for everyone, and none of them is
 * part of a control token.
 */
const schemaWords: ReadonlySet<string> = new Set([
  ...["type", "function", "name", "description", "parameters", "arguments", "strict", "return"],
  ...[
    "properties",
    "required",
    "items",
    "enum",
    "const",
    "default",
    "format",
    "pattern",
    "title",
    "nullable",
  ],
  ...["additionalProperties", "anyOf", "oneOf", "allOf", "minimum", "maximum", "minItems", "maxItems"],
  ...["string", "integer", "number", "boolean", "object", "array", "null"],
]);

function escapeUnit(unit: string): string {
  return "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0");
}

function damaged(): Error {
  return new Error("It takes the text of a message apart");
}
