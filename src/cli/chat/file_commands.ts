import { statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { UsageError } from "../exit_codes.ts";
import type { Chat } from "./chat.ts";
import type { ChatCommand } from "./commands.ts";
import { exportJson, exportMarkdown } from "./export.ts";
import { expandHome, homeOf } from "./home.ts";
import { describeChosen } from "./parameters.ts";
import { describePicture, type Session } from "./session.ts";
import type { SessionStore, StoredSession } from "./session_store.ts";

/** So many conversations are listed. */
const listed = 10;

/** What writes and reads files. */
export const fileCommands: readonly ChatCommand[] = [
  {
    name: "save",
    usage: "NAME",
    help: "give the conversation a name, to find it again",
    run(chat, argument) {
      if (!/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u.test(argument)) {
        throw new UsageError("/save needs a name of up to 64 letters, digits, spaces, dots and dashes");
      }
      const { name: before } = chat.session;
      const { renamed, robbed } = storeOf(chat).rename(chat.session, argument);
      chat.session = renamed;
      const other = robbed === undefined ? "" : `; the one that had this name is ${robbed} now`;
      const said = before === undefined || before === argument
        ? `Saved as "${argument}"`
        : `"${before}" is named "${argument}" now`;
      chat.note(`${said}${other}`);
      if (renamed.turns.length === 0) chat.note("It is kept once something was said");
    },
  },
  {
    name: "load",
    aliases: ["resume"],
    usage: "[NAME|ID]",
    help: "go on with another conversation; without a name, list the last ones",
    candidates: (chat) => chat.parts.store?.list().map(({ name, id }) => name ?? id) ?? [],
    async run(chat, argument) {
      const store = storeOf(chat);
      if (argument === "") return chat.note(describeSessions(store.list()));
      const loaded = store.load(argument);
      chat.open(loaded);
      showConversation(chat, loaded);
      await chat.tellShortage();
    },
  },
  {
    name: "export",
    usage: "md|json [FILE]",
    help: "write the conversation to a file: for people, or for run --messages and the API",
    candidates: () => ["md", "json"],
    run(chat, argument) {
      const [, format, file] = /^(md|json)(?:\s+([^]+))?$/.exec(argument) ?? [];
      if (format === undefined) throw new UsageError("/export needs md or json", "/export md chat.md");
      const path = expandHome(
        file ?? `llamav-${chat.session.id}.${format}`,
        homeOf(chat.parts.context),
      );
      const content = format === "md" ? exportMarkdown(chat.session) : exportJson(chat.session);
      writeNew(path, content);
      chat.note(`Wrote ${path}`);
    },
  },
];

/**
 * The end of a conversation that goes on, so that one knows where one was, and what of it changes the answers.
 *
 * @param stored as it was when it was left
 * @param isLast nobody said which: it is told
 */
export function showConversation(chat: Chat, stored: Session, isLast = false): void {
  const { turns, id, name, created, model, parameters, system } = chat.session;
  const chosen = [
    describeChosen(parameters),
    ...system === undefined ? [] : [`the system message "${cut(system, 40)}"`],
  ].filter((text) => text !== "");
  const remarks = [
    ...isLast
      ? [
        `It is the last conversation, of ${describeTime(created)}, and begins "${
          cut(turns[0]?.text ?? "", 40)
        }"`,
      ]
      : [],
    ...stored.model === model ? [] : [`${stored.model} answered so far, ${model} does from now on`],
    ...chosen.length === 0 ? [] : [`Answers are made with ${chosen.join(", ")}`],
  ];
  const last = turns.slice(-2).map(({ role, text, pictures }) => {
    const shown = pictures.map((picture) => `[${describePicture(picture)}] `).join("");
    return `${role === "user" ? ">>>" : "   "} ${shown}${cut(text, 200)}`;
  });
  chat.note([`Goes on with "${name ?? id}", ${turns.length} messages`, ...remarks, ...last].join("\n"));
}

/** A time in ISO 8601 as the clock here shows it: `"2026-03-01 14:05"`. */
function describeTime(iso: string): string {
  const time = new Date(iso);
  const pad = (value: number) => String(value).padStart(2, "0");
  return `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())} ` +
    `${pad(time.getHours())}:${pad(time.getMinutes())}`;
}

function describeSessions(sessions: readonly StoredSession[]): string {
  if (sessions.length === 0) return "There are no conversations yet";
  return sessions.slice(0, listed).map(({ id, name, title, turnCount }) =>
    `${id}${name === undefined ? "" : ` "${name}"`}  ${turnCount} messages  ${cut(title, 40)}`
  ).join("\n");
}

function cut(text: string, length: number): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > length ? `${line.slice(0, length)}…` : line;
}

/** A file that is there is somebody's. */
function writeNew(path: string, content: string): void {
  try {
    writeFileSync(path, content, { flag: "wx" });
  } catch (error) {
    const [reason, remedy] = explainRefusal(path, error as { code?: string; message: string });
    throw new UsageError(`Cannot write "${path}": ${reason}`, remedy);
  }
}

function explainRefusal(path: string, { code, message }: { code?: string; message: string }): string[] {
  const folder = dirname(path);
  switch (code) {
    case "EEXIST":
    case "EISDIR":
      return isFolder(path)
        ? ["it is a folder", "Name a file in it"]
        : ["there is a file of that name", "Name another file"];
    case "ENOENT":
      return [`there is no folder "${folder}"`, "Make the folder first, or name another file"];
    case "ENOTDIR":
      return [`"${folder}" is no folder`, "Name another file"];
    case "EACCES":
    case "EROFS":
      return [`nothing may be written into "${folder}"`, "Name a file in another folder"];
    default:
      return [code ?? message, "Name another file"];
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Such as a link in a circle: a name that is taken, and leads nowhere.
    return false;
  }
}

/** @throws {UsageError} If nothing is kept. */
export function storeOf({ parts }: Chat): SessionStore {
  if (parts.store) return parts.store;
  throw new UsageError(
    "Conversations are not kept",
    parts.view.isUnattended ? "Start llamav chat with --history" : "Start llamav without --no-history",
  );
}
