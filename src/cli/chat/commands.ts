import { nearest } from "../../base/nearest.ts";
import { UsageError } from "../exit_codes.ts";
import type { Chat } from "./chat.ts";
import { conversationCommands } from "./conversation_commands.ts";
import { fileCommands } from "./file_commands.ts";
import { modelCommands } from "./model_commands.ts";

/** Something that a person can tell the program between two messages. */
export interface ChatCommand {
  /** Without the slash. */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** What may stand behind the name, as the help shows it. */
  readonly usage?: string;
  /** One line. */
  readonly help: string;
  /** What its argument can be; files are completed where `completesPath` says so. */
  candidates?(chat: Chat): readonly string[];
  readonly completesPath?: boolean;
  run(chat: Chat, argument: string): Promise<"leave" | void> | "leave" | void;
}

const ownCommands: readonly ChatCommand[] = [
  {
    name: "help",
    aliases: ["?"],
    usage: "[COMMAND]",
    help: "list the commands, or say what one does",
    candidates: () => commands.map(({ name }) => name),
    run(chat, argument) {
      const chosen = argument === "" ? commands : [findCommand(argument.replace(/^\//, ""))];
      const width = Math.max(...chosen.map((command) => headOf(command).length)) + 2;
      chat.note(chosen.map((command) => `${headOf(command).padEnd(width)}${command.help}`).join("\n"));
      if (argument === "") chat.note(keysHelp);
    },
  },
  { name: "bye", aliases: ["exit", "quit"], help: "leave; Ctrl-D does, too", run: () => "leave" },
];

const keysHelp = `
Pictures: drop a file here, write @cat.png in a message, or /image.
Several lines: \\ at the end of a line, Alt-Enter, """ around them all, a paste, or Ctrl-G for your editor.
Keys: Ctrl-C stops the answer, Ctrl-R searches what you typed, Ctrl-L clears the screen, Tab completes.`;

/** All of them, as the help lists them. */
export const commands: readonly ChatCommand[] = [
  ...conversationCommands,
  ...modelCommands,
  ...fileCommands,
  ...ownCommands,
];

/**
 * Does what `/name argument` says.
 *
 * @returns `"leave"` if the conversation is over
 * @throws {UsageError} If there is no such command, or it cannot do that.
 */
export async function runCommand(text: string, chat: Chat): Promise<"leave" | void> {
  const [, name, argument] = /^\/(\S+)\s*([^]*)$/.exec(text)!;
  return await findCommand(name!).run(chat, argument!.trim());
}

/** @throws {UsageError} If there is none. */
export function findCommand(name: string): ChatCommand {
  const wanted = name.toLowerCase();
  const found = commands.find(({ name, aliases }) => name === wanted || aliases?.includes(wanted));
  if (found) return found;
  const meant = nearest(wanted, commands.flatMap(({ name, aliases = [] }) => [name, ...aliases]));
  const advice = "/help lists those that there are";
  throw new UsageError(
    `There is no command /${name}`,
    meant === undefined ? advice : `Did you mean /${meant}? ${advice}`,
  );
}

function headOf({ name, aliases = [], usage }: ChatCommand): string {
  const names = [name, ...aliases].map((name) => `/${name}`).join(", ");
  return usage === undefined ? names : `${names} ${usage}`;
}
