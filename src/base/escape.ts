/**
 * Characters that a terminal obeys instead of showing: C0 except tab and line feed, DEL, C1, and the marks that
 * reorder text (bidirectional embeddings, overrides and isolates). Escape sequences begin with one of them.
 */
// deno-lint-ignore no-control-regex -- control characters are what this pattern is about
const obeyed = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text that is safe to show in a terminal: `\x1b` and its like become visible, tabs and line feeds stay. */
export function escapeControls(text: string): string {
  return text.replace(obeyed, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}

/** The same on one line, as a log needs it: a line feed in `text` cannot begin a line that we did not write. */
export function escapeLine(text: string): string {
  return escapeControls(text).replaceAll("\n", "\\n");
}
