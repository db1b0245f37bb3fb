/** How a message of several lines is typed: a backslash at the end of a line, or three quotes around it all. */

const quotes = '"""';

/**
 * What the enter key makes of a text that is not complete.
 *
 * @returns undefined if it is
 */
export function continueEntry(text: string): string | undefined {
  if (isQuoted(text)) return isClosed(text) ? undefined : `${text}\n`;
  // Of a pasted block the last line only: what it holds before is as it should be.
  return text.endsWith("\\") ? `${text.slice(0, -1)}\n` : undefined;
}

/** The message that was meant: without the quotes around it, and without space around that. */
export function finishEntry(text: string): string {
  if (!isQuoted(text)) return text.trim();
  const inside = text.trimStart().slice(quotes.length).trimEnd();
  return inside.slice(0, inside.endsWith(quotes) ? -quotes.length : undefined).trim();
}

function isQuoted(text: string): boolean {
  return text.trimStart().startsWith(quotes);
}

function isClosed(text: string): boolean {
  return text.trim().length >= 2 * quotes.length && text.trimEnd().endsWith(quotes);
}
