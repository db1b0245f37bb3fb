import { escapeControls } from "../base/escape.ts";

// deno-lint-ignore no-control-regex -- the one sequence that is let through begins with a control character
const style = /(\x1b\[[0-9;]*m)/;

/** Text whose colours and weights pass, and whose every other control character is shown by its code. */
export function escapeAllButStyle(text: string): string {
  return text.split(style).map((part, index) => index % 2 === 1 ? part : escapeControls(part)).join("");
}

/** What a part of the program's own text is for. */
const codes = { dim: 2, bold: 1, red: 31 } as const;

/** Gives a text a style, where the terminal may have any. */
export type Paint = (style: keyof typeof codes, text: string) => string;

export function painterOf(colors: boolean): Paint {
  return (name, text) => colors ? `\x1b[${codes[name]}m${text}\x1b[0m` : text;
}
