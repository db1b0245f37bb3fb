import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { quote } from "../base/quote.ts";
import { demoModel } from "../runtime/demo_model.ts";
import { isAlias, nameModel } from "../runtime/model_name.ts";
import { findVariable, settings, type SettingValues } from "../runtime/options.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit_codes.ts";
import { isPictureFile, isPictureUrl } from "./pictures.ts";
import type { Terminal } from "./terminal.ts";

export const modelArgument = [
  "[model]",
  `directory of a checkpoint in Hugging Face layout, repository OWNER/NAME of the hub, 11b or 90b; left out, ` +
  `that of LLAMAV_MODEL or of the setting "model", else "${demoModel}", the small model inside the program`,
] as const;

/**
 * The one model that was meant, of the several ways to say it; an empty text says nothing.
 *
 * @returns undefined if none was given
 * @throws {UsageError} If two were given that differ.
 */
export function oneModel(...given: readonly (string | undefined)[]): string | undefined {
  const [first, second] = new Set(given.filter((name) => name !== undefined && name !== ""));
  if (second !== undefined) {
    throw new UsageError(`Two models were given, ${first} and ${second}`, "Give one of them");
  }
  return first;
}

/**
 * Takes MODEL off the words of a command line whose other words are a question. The first word is MODEL if it is
 * the demo's name or another short one, names something that exists and is no picture, or is written like a path or a
 * repository; otherwise the question begins with it.
 */
export function takeModel(words: readonly string[]): { model: string | undefined; rest: readonly string[] } {
  const [first = "", ...rest] = words;
  const isPath = /^[^\s]*[/\\][^\s]*$/.test(first) || existsSync(first);
  const isPicture = isPictureFile(first) || isPictureUrl(first);
  const isModel = first === "" || first === demoModel || isAlias(first) || (isPath && !isPicture);
  return isModel ? { model: oneModel(first), rest } : { model: undefined, rest: words };
}

/** The model to use: the one that was given, the one of the settings, or the demo, with a word to the person. */
export function modelOrDemo(
  model: string | undefined,
  { terminal, env }: { readonly terminal: Pick<Terminal, "note">; readonly env: CliContext["env"] },
): string {
  const chosen = model ?? findVariable(settings.model, env)?.text;
  if (chosen !== undefined) return chosen;
  terminal.note(
    "note: this is the small built-in demo model; for other pictures name 11b, 90b, a repository of the hub, or a " +
      "directory as MODEL",
  );
  return demoModel;
}

/** MODEL so that it means the same in another folder. */
export function absoluteModel(model: string): string {
  return model !== demoModel && existsSync(model) ? resolve(model) : model;
}

/**
 * MODEL, if it can be one at all.
 *
 * @throws {UsageError} If it is neither a path nor a repository as the hub names them.
 */
export function checkModelName(model: string): string {
  if (/^https?:\/\//i.test(model)) {
    throw new UsageError(
      `MODEL must be a model, and ${quote(model)} is an address`,
      "Name a model of the hub as OWNER/NAME, and give a picture with --image",
    );
  }
  try {
    nameModel(model);
    return model;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`MODEL ${error.message}`, "Name it as on the hub, or say 11b or 90b");
  }
}

/**
 * Makes sure that a model of the hub is on this machine: asks whether to fetch it, if there is somebody to ask.
 * What is not there then is told by whoever opens it.
 *
 * @param how `yes` fetches it without asking, `offline` not at all
 * @returns MODEL as it was given
 * @throws {UsageError} If it can be no model.
 * @throws What `pullShown` throws.
 */
export async function bringModel(
  model: string,
  { yes, offline }: SettingValues<"yes" | "offline">,
  context: CliContext,
): Promise<string> {
  checkModelName(model);
  const { missingModel } = await import("../runtime/models.ts");
  const missing = missingModel(model, context.env);
  if (missing === undefined) return model;
  if (!yes && !offline) {
    const { terminal } = context;
    if (!terminal.canAsk) return model;
    const answer = await terminal.ask(
      `${missing.repository} is not on this machine. Fetch it from the hub? [y/N] `,
    );
    if (!/^y(es)?$/i.test(answer.trim())) return model;
  }
  const { pullShown } = await import("./pull.ts");
  // Offline it says that the model is missing, and why nobody fetches it.
  await pullShown(model, { offline }, context);
  return model;
}
