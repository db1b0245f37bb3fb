import { escapeLine } from "./escape.ts";

/**
 * Foreign text inside an error message: in double quotes, on one line, harmless in a terminal, at most
 * `maxLength` long.
 */
export function quote(text: string, maxLength = 120): string {
  const shown = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return `"${escapeLine(shown)}"`;
}
