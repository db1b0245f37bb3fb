import { quote } from "../base/quote.ts";

/** A repository of models on the hub, at one of its revisions. */
export interface RepositoryRevision {
  /** `"owner/name"`. */
  readonly repository: string;
  /** A branch, a tag or a commit; `"main"` where nobody says. */
  readonly revision: string;
}

export const defaultRevision = "main";

/** Longest id that the hub gives. */
const maxLength = 96;
const segment = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?$/;

/** Whether a text is written like a repository's id: what is so written may still be a folder's path. */
export function isRepository(text: string): boolean {
  const [owner = "", name = "", ...more] = text.split("/");
  return text.length <= maxLength && more.length === 0 && segment.test(owner) && segment.test(name) &&
    // Two hyphens stand for the slash in the names of the cache's folders, and two dots lead out of them.
    !/--|\.\./.test(text);
}

/**
 * Reads `OWNER/NAME` or `OWNER/NAME@REVISION`.
 *
 * @throws {RangeError} If it is neither; the message begins with "must".
 */
export function parseRepository(text: string): RepositoryRevision {
  const at = text.indexOf("@");
  const repository = at < 0 ? text : text.slice(0, at);
  const revision = at < 0 ? defaultRevision : text.slice(at + 1);
  if (!isRepository(repository)) {
    throw new RangeError(
      `must be OWNER/NAME, of letters, digits, "-", "_" and ".", at most ${maxLength} in all, not ${
        quote(repository)
      }`,
    );
  }
  if (!isRevision(revision)) {
    throw new RangeError(`must have a branch, tag or commit behind the "@", not ${quote(revision)}`);
  }
  return { repository, revision };
}

/** What names one version for ever, unlike branches and tags. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

function isRevision(text: string): boolean {
  return text.length <= 200 && text.split("/").every((part) => /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(part)) &&
    !text.includes("..");
}
