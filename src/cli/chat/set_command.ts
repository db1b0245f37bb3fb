import { UsageError } from "../exit_codes.ts";
import type { Chat } from "./chat.ts";
import { setSystem } from "./conversation_commands.ts";
import { storeOf } from "./file_commands.ts";
import { describeParameter, describeParameters, setParameter } from "./parameters.ts";

/** What /set takes beside parameters, and does. */
const words: Readonly<Record<string, (chat: Chat, value: string) => void>> = {
  system: setSystem,
  verbose: (chat) => setVerbose(chat, true),
  quiet: (chat) => setVerbose(chat, false),
  history: (chat) => setHistory(chat, true),
  nohistory: (chat) => setHistory(chat, false),
};

/** What other programs' /set takes: what it would do here, or what does that. */
const foreign: Readonly<Record<string, (chat: Chat) => void>> = {
  noformat: (chat) => setNamed(chat, "format", "default"),
  wordwrap: (chat) => chat.note("Answers are wrapped to the width of the terminal, unless with --plain"),
  nowordwrap: () =>
    refuse("Answers are wrapped to the width of the terminal", "llamav chat --plain leaves it alone"),
  think: () => refuse("Llama 3.2 Vision does not think before it answers", "/system can ask for steps"),
  nothink: (chat) => chat.note("Llama 3.2 Vision does not think before it answers"),
};

/** For completion. */
export const setWords: readonly string[] = Object.keys(words);

/** `/set NAME VALUE`; without a name it lists what there is. */
export function set(chat: Chat, argument: string): void {
  // Another program's spelling has the word "parameter" in front.
  const [, label = "", rest = ""] = /^(?:parameter\s+)?(\S*)\s*([^]*)$/.exec(argument)!;
  const value = rest.trim();
  const name = label.toLowerCase();
  if (name === "") {
    const rows = describeParameters(chat.session.parameters, chat.runtime.model.sampling);
    return chat.note(rows.map(([name, text]) => `${name.padEnd(20)}${text}`).join("\n"));
  }
  if (Object.hasOwn(words, name)) return words[name]!(chat, value);
  if (Object.hasOwn(foreign, name)) return foreign[name]!(chat);
  if (value === "") {
    return chat.note(describeParameter(chat.session.parameters, label, chat.runtime.model.sampling));
  }
  setNamed(chat, label, value);
}

function setNamed(chat: Chat, label: string, value: string): void {
  const parameters = setParameter(chat.session.parameters, label, value);
  chat.session = { ...chat.session, parameters };
  chat.save();
  chat.note(`${label} is ${value} from now on`);
}

function setVerbose(chat: Chat, verbose: boolean): void {
  chat.verbose = verbose;
  chat.note(verbose ? "Answers are followed by their timings" : "Answers stand alone");
}

function setHistory(chat: Chat, isKept: boolean): void {
  // Where there is no place to keep anything it says how to get one.
  if (isKept) storeOf(chat);
  chat.keep(isKept);
  chat.note(
    isKept
      ? "What is typed and said is kept from now on"
      : "Nothing is kept from now on; what was kept before is there",
  );
}

function refuse(fact: string, remedy: string): never {
  throw new UsageError(fact, remedy);
}
