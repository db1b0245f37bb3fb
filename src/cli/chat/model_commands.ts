import { formatCount } from "../../base/units.ts";
import { UsageError } from "../exit_codes.ts";
import { describeMemory } from "../loaded_model.ts";
import { absoluteModel } from "../model_argument.ts";
import { describeTimings } from "../timings.ts";
import type { Chat } from "./chat.ts";
import type { ChatCommand } from "./commands.ts";
import { setSystem } from "./conversation_commands.ts";
import { describeParameters, parameterLabels, setParameter } from "./parameters.ts";
import { toMessages } from "./session.ts";

/** What /set takes beside parameters. */
const switches = ["verbose", "quiet", "system"];

/** What is about the model and its answers. */
export const modelCommands: readonly ChatCommand[] = [
  {
    name: "set",
    usage: "[NAME VALUE]",
    help: "change how answers are made: temp, top-p, seed, max-tokens, …; default undoes it",
    candidates: () => [...parameterLabels, ...switches],
    run: set,
  },
  {
    name: "show",
    help: "show the model, the parameters and the system message",
    run(chat) {
      const { model } = chat.runtime;
      const { system, parameters } = chat.session;
      const rows = [
        ["model", model.id],
        ["path", model.path],
        ["device", model.device],
        ["context", `${formatCount(model.contextLength)} tokens`],
        ...describeParameters(parameters),
        ["system", system ?? "none"],
      ];
      chat.note(
        [...rows.map(([label, value]) => `${label!.padEnd(20)}${value}`), describeMemory(model)].join("\n"),
      );
    },
  },
  {
    name: "stats",
    help: "say what the answers took",
    run(chat) {
      if (chat.lastEnd === undefined) return chat.note("There is no answer yet");
      const { answers, promptTokens, completionTokens } = chat.totals;
      chat.note([
        ...describeTimings(chat.lastEnd),
        `in all  ${answers} ${answers === 1 ? "answer" : "answers"}, ${
          formatCount(promptTokens)
        } tokens read, ${formatCount(completionTokens)} written`,
      ].join("\n"));
    },
  },
  {
    name: "tokens",
    help: "say how much of the context the conversation takes",
    async run(chat) {
      const { contextLength } = chat.runtime.model;
      const messages = toMessages(chat.session);
      const tokens = messages.length === 0
        ? []
        : await chat.runtime.texts.tokenizeConversation({ messages, addGenerationPrompt: false });
      const count = tokens.length;
      const share = Math.round(count / contextLength * 100);
      chat.note(`${formatCount(count)} of ${formatCount(contextLength)} tokens (${share} %)`);
    },
  },
  {
    name: "model",
    usage: "[MODEL]",
    help: "say which model answers, or let another go on",
    async run(chat, argument) {
      if (argument === "") return chat.note(`${chat.runtime.model.id} (${chat.session.model})`);
      await chat.parts.view.withoutKeys(() => changeModel(chat, argument));
      chat.note(`${chat.runtime.model.id} answers from now on`);
    },
  },
];

function set(chat: Chat, argument: string): void {
  // Another program's spelling has the word "parameter" in front.
  const [, label, value] = /^(?:parameter\s+)?(\S*)\s*([^]*)$/.exec(argument)!;
  if (label === "") {
    const rows = describeParameters(chat.session.parameters);
    return chat.note(rows.map(([name, text]) => `${name.padEnd(20)}${text}`).join("\n"));
  }
  if (label === "system") return setSystem(chat, value!.trim());
  if (label === "verbose" || label === "quiet") {
    chat.verbose = label === "verbose";
    return chat.note(chat.verbose ? "Answers are followed by their timings" : "Answers stand alone");
  }
  if (value === "") throw new UsageError(`/set ${label} needs a value`, `/set ${label} default undoes it`);
  chat.session = {
    ...chat.session,
    parameters: setParameter(chat.session.parameters, label!, value!.trim()),
  };
  chat.save();
  chat.note(`${label} is ${value!.trim()} from now on`);
}

/** Two models rarely fit side by side: the old one goes first, and comes back if the new one does not open. */
async function changeModel(chat: Chat, model: string): Promise<void> {
  const old = chat.session.model;
  await chat.runtime.close();
  try {
    chat.runtime = await chat.parts.openModel(model);
  } catch (error) {
    chat.runtime = await chat.parts.openModel(old);
    throw error;
  }
  chat.session = { ...chat.session, model: absoluteModel(model) };
  chat.save();
}
