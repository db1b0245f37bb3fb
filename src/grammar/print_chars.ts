import type { CharSet } from "./char_set.ts";

/** A range of values for each byte of a character in UTF-8. */
type ByteRanges = readonly (readonly [first: number, last: number])[];

/** The last code points with one, two and three bytes. */
const lastOfLength = [0x7f, 0x7ff, 0xffff];

/**
 * Expressions for one character of a set that is not empty: any of them. Beyond ASCII they are made of bytes: the
 * compiler takes the ends of a range of characters for bytes.
 */
export function formsOfSet(set: CharSet): string[] {
  const [only] = set;
  if (set.length === 1 && only![0] === only![1]) return [printText(String.fromCodePoint(only![0]))];
  const ascii = set.filter(([first]) => first <= 0x7f)
    .map(([first, last]) => printRange([first, Math.min(last, 0x7f)]));
  const forms = ascii.length === 0 ? [] : [`[${ascii.join("")}]`];
  for (const [first, last] of set) {
    if (last <= 0x7f) continue;
    for (const ranges of byteRanges(Math.max(first, 0x80), last)) {
      forms.push(ranges.map((range) => `[${printRange(range)}]`).join(" "));
    }
  }
  return forms;
}

/** A text as a literal of a grammar, in double quotes. */
export function printText(text: string): string {
  return `"${[...text].map((char) => escapeChar(char.codePointAt(0)!)).join("")}"`;
}

/** With both ends also where they are the same: alone, a byte is taken for a character. */
function printRange([first, last]: readonly [number, number]): string {
  return `${escapeByte(first)}-${escapeByte(last)}`;
}

/** A character of ASCII, or a byte beyond it, which stands in a class of its own. */
function escapeByte(value: number): string {
  return value < 0x80 ? escapeChar(value) : `\\x${hex(value, 2)}`;
}

/** Only letters, digits and the space stand for themselves everywhere in a grammar. */
function escapeChar(codePoint: number): string {
  const char = String.fromCodePoint(codePoint);
  if (/[a-zA-Z0-9 ]/.test(char)) return char;
  // Not `\\x22`, which takes the hexadecimal digits of the text behind it for its own.
  return codePoint < 0x10000 ? `\\u${hex(codePoint, 4)}` : `\\U${hex(codePoint, 8)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

/** A range of characters as ranges of their bytes: cut where the length changes, and where not every end may follow. */
function byteRanges(first: number, last: number): ByteRanges[] {
  const both = (end: number) => [...byteRanges(first, end), ...byteRanges(end + 1, last)];
  const boundary = lastOfLength.find((end) => first <= end && end < last);
  if (boundary !== undefined) return both(boundary);
  for (let bits = 6; bits <= 18; bits += 6) {
    const low = 2 ** bits - 1;
    if ((first | low) === (last | low)) break;
    if ((first & low) !== 0) return both(first | low);
    if ((last & low) !== low) return both((last & ~low) - 1);
  }
  const [from, to] = [encode(first), encode(last)];
  return [[...from].map((byte, index) => [byte, to[index]!] as const)];
}

function encode(codePoint: number): Uint8Array {
  return new TextEncoder().encode(String.fromCodePoint(codePoint));
}
