import { readdirSync } from "node:fs";
import type { Completion } from "../../terminal/editor.ts";
import { pictureName } from "../pictures.ts";
import type { Chat } from "./chat.ts";
import { commands } from "./commands.ts";
import { expandHome, homeOf } from "./home.ts";

/** What can stand where the cursor is: a command, its argument, or a file behind an @. */
export function completeInput(text: string, cursor: number, chat: Chat): Completion {
  const before = text.slice(0, cursor);
  const command = /^\/([a-z?]*)$/i.exec(before);
  if (command) return { from: 0, candidates: startingWith(before, commands.map(({ name }) => `/${name} `)) };
  const [, name, space, argument] = /^\/(\S+)(\s+)([^]*)$/.exec(before) ?? [];
  if (name !== undefined) return completeArgument(name, argument!, name.length + 1 + space!.length, chat);
  const mention = /(?:^|\s)@((?:\\.|[^\s\\])*)$/.exec(before)?.[1];
  if (mention === undefined) return { from: cursor, candidates: [] };
  return { from: cursor - mention.length, candidates: pictureFiles(mention, chat) };
}

function completeArgument(name: string, argument: string, from: number, chat: Chat): Completion {
  const command = commands.find((command) => command.name === name || command.aliases?.includes(name));
  const words = command?.candidates?.(chat).map((word) => `${word} `) ?? [];
  const files = command?.completesPath ? pictureFiles(argument, chat) : [];
  return { from, candidates: [...startingWith(argument, words), ...files] };
}

function startingWith(beginning: string, words: readonly string[]): string[] {
  return words.filter((word) => word.startsWith(beginning)).sort();
}

/** Picture files and folders whose paths begin so, written as the input takes them: a space has a backslash. */
function pictureFiles(written: string, { parts: { context } }: Chat): string[] {
  const path = written.replaceAll(/\\(.)/g, "$1");
  const slash = path.lastIndexOf("/") + 1;
  const [folder, beginning] = [path.slice(0, slash), path.slice(slash)];
  const place = expandHome(folder, homeOf(context)) || ".";
  try {
    const entries = readdirSync(place, { withFileTypes: true });
    return entries
      .filter(({ name }) => name.startsWith(beginning) && (beginning !== "" || !name.startsWith(".")))
      .filter((entry) => entry.isDirectory() || pictureName.test(entry.name))
      .map((entry) => escapePath(`${folder}${entry.name}`) + (entry.isDirectory() ? "/" : " ")).sort();
  } catch {
    // No such folder, or not for us.
    return [];
  }
}

function escapePath(path: string): string {
  return path.replaceAll(/[\s\\"'()]/g, "\\$&");
}
