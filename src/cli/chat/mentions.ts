/** Names of picture files inside a message: written behind an @, or dropped onto the terminal, which pastes the path. */

import { isAbsolute } from "node:path";
import { pictureName } from "../pictures.ts";
import { expandHome } from "./home.ts";

export interface Mention {
  /** The name without escapes and quotes. */
  readonly path: string;
  /** Place in the message, with escapes, quotes and the @. */
  readonly from: number;
  readonly to: number;
  /** Written with an @: a name that is no picture is then a mistake, and not just a word. */
  readonly isExplicit: boolean;
}

/**
 * A word: quoted as a whole, or anything without space in which a backslash keeps the next character. Between single
 * quotes a shell has another one as `'\''`, or as `'"'"'`.
 */
const word = /(@?)(?:"([^"\n]+)"|'((?:[^'\n]|'\\''|'"'"')+)'|((?:[^\s\\]+|\\.)+))/g;
const innerQuote = /'\\''|'"'"'/g;

/**
 * The words of a message that may name a picture. Only the file system can tell whether they do.
 *
 * @param home what `~` stands for
 */
export function findMentions(text: string, home: string): Mention[] {
  return Array.from(text.matchAll(word)).flatMap((match) => {
    const from = match.index;
    if (from > 0 && !/\s/.test(text[from - 1]!)) return [];
    const quoted = match[2] ?? match[3]?.replaceAll(innerQuote, "'");
    const isExplicit = match[1] === "@";
    const raw = quoted ?? match[4]!;
    // A sentence may end behind the name.
    const bare = quoted === undefined ? withoutEnd(raw) : raw;
    const path = expand(quoted ?? unescape(bare), home);
    // The path of a file that was dropped is whole.
    const isPath = pictureName.test(path) || isAbsolute(path) || (isExplicit && path.includes("/"));
    if (!isPath) return [];
    return [{ path, from, to: from + match[0].length - (raw.length - bare.length), isExplicit }];
  });
}

/** The message without the names of its pictures. */
export function removeMentions(text: string, mentions: readonly Mention[]): string {
  let rest = text;
  for (const { from, to } of [...mentions].sort((a, b) => b.from - a.from)) {
    const before = rest.slice(0, from).replace(/[ \t]+$/, "");
    const after = rest.slice(to).replace(/^[ \t]+/, "");
    // A sign that closed the sentence stays at its end.
    rest = /^[?!.,;:)]+(\s|$)/.test(after) ? `${before}${after}` : `${before} ${after}`;
  }
  return rest.trim();
}

/** A pattern would look at a row of such signs once from each of them. */
function withoutEnd(text: string): string {
  let end = text.length;
  while (end > 0 && "?!.,;:)".includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** What a shell would take these characters for. A backslash in front of a letter belongs to a Windows path. */
function unescape(text: string): string {
  return text.replace(/\\([^\p{L}\p{N}])/gu, "$1");
}

function expand(path: string, home: string): string {
  if (/^file:\/\//i.test(path)) {
    // `file://localhost/…` and `file:///…` name a file of this machine.
    return decode(path.replace(/^file:\/\/(localhost)?/i, ""));
  }
  return expandHome(path, home);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
