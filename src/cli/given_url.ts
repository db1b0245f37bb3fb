/** URLs that a person gives, and how they are told: an error may be copied to where a password should not go. */

/** Whether a text is a URL that a picture can be brought from, rather than a file. */
export function isUrl(text: string): boolean {
  return isWebUrl(text) || /^\s*data:/i.test(text);
}

export function isWebUrl(text: string): boolean {
  return /^\s*https?:/i.test(text);
}

/**
 * A URL without what may be secret in it: `"https://example.com/cat.png?…"` has no user, password, query or fragment.
 * Of one that is not understood in full, no more than the scheme is left.
 */
export function shownUrl(text: string): string {
  const [, scheme, rest] = /^\s*([a-z]+:)[/\\]*(.*)$/is.exec(text) ?? [];
  if (scheme === undefined) return "…";
  const beginning = /^data:/i.test(scheme) ? scheme : `${scheme}//`;
  const url = isWebUrl(text) ? URL.parse(text) : null;
  // A sign behind the user's part: a slash or # in a password ends that part early, and the rest looks like a path.
  const { host = "", pathname = "", search = "", hash = "" } = url ?? {};
  if (url === null || `${host}${pathname}${search}${hash}`.includes("@")) {
    return rest!.trim() === "" ? beginning : `${beginning}…`;
  }
  return `${url.protocol}//${host}${pathname}${search || hash ? "?…" : ""}`;
}
