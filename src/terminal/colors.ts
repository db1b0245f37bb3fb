import type { Environment } from "../base/environment.ts";

/** How many colours a text may have: none, the first 16, 256, or all. */
export type Colors = "none" | "basic" | "palette" | "true_color";

/**
 * The colours that a terminal is given. `NO_COLOR` wins (no-color.org); then `FORCE_COLOR` says, as Node reads it: 0
 * or false none, 2 and 3 how many, anything else some; then what the terminal says of itself.
 */
export function colorsOf(env: Environment): Colors {
  if (env["NO_COLOR"]) return "none";
  switch (env["FORCE_COLOR"]) {
    case "0":
    case "false":
      return "none";
    case "2":
      return "palette";
    case "3":
      return "true_color";
  }
  const term = env["TERM"] ?? "";
  if (term === "dumb") return forcesColors(env) ? "basic" : "none";
  if (/^(truecolor|24bit)$/i.test(env["COLORTERM"] ?? "")) return "true_color";
  return term.includes("256color") ? "palette" : "basic";
}

/** Whether colours are wanted also where there is no terminal for them, or one that says it has none. */
export function forcesColors(env: Environment): boolean {
  return !env["NO_COLOR"] && !["", "0", "false"].includes(env["FORCE_COLOR"] ?? "");
}
