import { homedir } from "node:os";
import type { CliContext } from "../context.ts";

/** The folder that `~` stands for. */
export function homeOf({ env }: Pick<CliContext, "env">): string {
  return env["HOME"] || homedir();
}

/** A path as a shell reads it: `~` alone, or in front of a slash, is the home folder. */
export function expandHome(path: string, home: string): string {
  // By a function: in a text `$&` would have a meaning.
  return path.replace(/^~(?=\/|$)/, () => home);
}
