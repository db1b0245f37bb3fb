import { join } from "node:path";
import { Pty, type PtyOptions } from "../../support/pty.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

export const program = join(import.meta.dir, "chat_program.ts");

/** What an empty input shows, in a terminal that is wide enough. */
export const emptyPrompt = ">>> Ask something, /image FILE adds a picture, /help lists what else there is";

/** The same in one of 40 columns, and what is said of a message that was not answered. */
export const shortPrompt = ">>> Ask something, /help lists commands";
export const unsentHint = "/retry sends the message again, /edit brings it back";

export interface ChatTerminalOptions extends PtyOptions {
  readonly folder: TemporaryFolder;
}

/** A conversation in a terminal, which keeps its files in this folder and works there. */
export function openChat(args: readonly string[], { folder, env, ...options }: ChatTerminalOptions): Pty {
  return new Pty([process.execPath, program, ...args], {
    cwd: folder.path,
    env: { HOME: folder.path, XDG_STATE_HOME: join(folder.path, "state"), ...env },
    ...options,
  });
}

/** Types a line when the last one is done with, and waits until these are the last rows above the next input. */
export async function say(pty: Pty, text: string, ...rows: string[]): Promise<void> {
  await pty.shows(emptyPrompt);
  pty.type(`${text}\r`);
  await pty.shows(...rows, emptyPrompt);
}

/** The parameters of the styles that were written, such as `"1"` for bold. */
export function stylesOf(output: string): string[] {
  // deno-lint-ignore no-control-regex -- control sequences are what this is about
  return Array.from(output.matchAll(/\x1b\[([\d;]*)m/g), ([, parameters]) => parameters!);
}
