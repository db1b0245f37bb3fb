import { formatCount } from "../../base/units.ts";
import { ExplainedError } from "../../base/errors.ts";
import { UsageError } from "../exit_codes.ts";
import { describeMemory } from "../loaded_model.ts";
import { absoluteModel } from "../model_argument.ts";
import { describeTimings } from "../timings.ts";
import type { Chat } from "./chat.ts";
import type { ChatCommand } from "./commands.ts";
import { setSystem } from "./conversation_commands.ts";
import { describeParameters, parameterLabels } from "./parameters.ts";
import { set, setWords } from "./set_command.ts";
import { toMessages } from "./session.ts";

/** What is about the model and its answers. */
export const modelCommands: readonly ChatCommand[] = [
  {
    name: "set",
    usage: "[NAME VALUE]",
    help: "change how answers are made: temp, top-p, seed, max-tokens, …; default undoes it",
    candidates: () => [...parameterLabels, ...setWords],
    run: set,
  },
  {
    name: "show",
    usage: "[info|parameters|system]",
    help: "show the model, the parameters and the system message, or one of them",
    candidates: () => ["info", "parameters", "system"],
    run: show,
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
      const loadMs = await chat.parts.view.withoutKeys(() => changeModel(chat, argument));
      chat.note(`${chat.runtime.model.id} answers from now on`);
      chat.tellLoad(loadMs);
      await chat.tellShortage();
    },
  },
];

function show(chat: Chat, argument: string): void {
  const { runtime: { model }, session: { system, parameters } } = chat;
  const info = [
    ["model", model.id],
    ["path", model.path],
    ["device", model.device],
    ["context", `${formatCount(model.contextLength)} tokens`],
  ] as const;
  const row = (label: string, value: string) => `${label.padEnd(20)}${value}`;
  const tell = (rows: readonly (readonly [string, string])[], ...more: string[]) =>
    chat.note([...rows.map(([label, value]) => row(label, value)), ...more].join("\n"));
  switch (argument.toLowerCase()) {
    case "":
      tell([...info, ...describeParameters(parameters, model.sampling)]);
      chat.parts.view.show(row("system", system ?? "none"));
      return chat.note(describeMemory(model));
    case "info":
      return tell(info, describeMemory(model));
    case "parameters":
      return tell(describeParameters(parameters, model.sampling));
    case "system":
      return setSystem(chat, "");
    case "license":
      return chat.note(
        "The license of a model is with its files; that of Llama 3.2 is named by llamav --help",
      );
    default:
      // As of a template or a Modelfile, which other programs have.
      throw new UsageError(`There is no /show ${argument}`, "/show takes info, parameters or system");
  }
}

/**
 * Two models rarely fit side by side: the old one goes first, once it is known that there is a new one, and comes back
 * if that does not open.
 */
async function changeModel(chat: Chat, model: string): Promise<number> {
  const { findModel, openModel } = chat.parts;
  await findModel(model);
  const old = chat.session.model;
  let started = 0;
  try {
    await chat.runtime.close();
    started = performance.now();
    chat.runtime = await openModel(model);
  } catch (error) {
    chat.runtime = await openModel(old).catch((again) => {
      chat.isOver = true;
      throw endOf(chat, [error, again]);
    });
    throw error;
  }
  chat.session = { ...chat.session, model: absoluteModel(model) };
  chat.save();
  return performance.now() - started;
}

/** Without a model there is no conversation. */
function endOf({ session, parts: { store } }: Chat, errors: readonly unknown[]): ExplainedError {
  const [first, second] = errors.map((error) => error instanceof Error ? error.message : String(error));
  return new ExplainedError(
    `${first}; and the model before, ${session.model}, does not open again: ${second}. The conversation ends`,
    store?.has(session) ? `llamav chat --resume ${session.id} goes on from here` : undefined,
    { cause: errors[1] },
  );
}
