import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { quote } from "../base/quote.ts";
import { formatBytes } from "../base/units.ts";
import { demoModel } from "../runtime/demo_model.ts";
import { isAlias, nameModel } from "../runtime/model_name.ts";
import { findVariable, settings, type SettingValues } from "../runtime/options.ts";
import type { CliContext } from "./context.ts";
import { ModelNameError, UsageError } from "./exit_codes.ts";
import { isWebUrl, shownUrl } from "./given_url.ts";
import { isPictureFile, isPictureUrl } from "./pictures.ts";
import type { Terminal } from "./terminal.ts";
import { version } from "./version.ts";

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

/** The model that was given, or that of the settings. */
export function namedModel(
  model: string | undefined,
  { env }: Pick<CliContext, "env">,
): string | undefined {
  return model ?? findVariable(settings.model, env)?.text;
}

/** The model to use: the one that was given, the one of the settings, or the demo, with a word to the person. */
export function modelOrDemo(
  model: string | undefined,
  { terminal, env }: { readonly terminal: Pick<Terminal, "note">; readonly env: CliContext["env"] },
): string {
  const chosen = namedModel(model, { env });
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
 * @throws {ModelNameError} If it is neither a path nor a repository as the hub names them.
 */
export function checkModelName(model: string): string {
  if (isWebUrl(model)) {
    throw new ModelNameError(
      `MODEL must be a model, and ${quote(shownUrl(model))} is an address`,
      "Name a model of the hub as OWNER/NAME, and give a picture with --image",
    );
  }
  try {
    nameModel(model);
    return model;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ModelNameError(`MODEL ${error.message}`, "Name it as on the hub, or say 11b or 90b");
  }
}

/** What to do about a model of the hub that is missing: `yes` fetches it without asking, `offline` does not. */
type Fetching = SettingValues<"yes" | "offline">;

/**
 * Looks whether a model is on this machine, or can be fetched. Fetches nothing: what was given beside it can be read
 * first.
 *
 * @returns the repository that is to be fetched; undefined if the model is there
 * @throws {ModelNameError} If it can be no model.
 * @throws {ModelNotFoundError} If it is missing, and nobody fetches it.
 */
export async function findModel(
  model: string,
  { yes, offline }: Fetching,
  context: CliContext,
): Promise<string | undefined> {
  checkModelName(model);
  const { missingModel } = await import("../runtime/models.ts");
  const missing = missingModel(model, context.env);
  if (missing !== undefined && !offline && (yes || context.terminal.canAsk)) return missing.repository;
  if (missing !== undefined && offline) {
    // It says why nobody fetches it.
    const { pullShown } = await import("./pull.ts");
    await pullShown(model, { offline }, context);
  }
  await context.services.checkModel(model, context.env);
  return undefined;
}

/**
 * Makes sure that a model is on this machine: asks whether to fetch one of the hub, if there is somebody to ask.
 *
 * @returns MODEL as it was given
 * @throws What `findModel` and `pullShown` throw.
 */
export async function bringModel(model: string, how: Fetching, context: CliContext): Promise<string> {
  const missing = await findModel(model, how, context);
  if (missing === undefined) return model;
  const { services, env } = context;
  if (how.yes || await wantsPull(model, context)) {
    const { pullShown } = await import("./pull.ts");
    await pullShown(model, { offline: how.offline }, context);
  }
  await services.checkModel(model, env);
  return model;
}

/** Asks whether to fetch a model that is missing, with what is known of it. */
async function wantsPull(model: string, { terminal, env }: CliContext): Promise<boolean> {
  const { lookUpRemote, missingModel } = await import("../runtime/models.ts");
  const remote = missingModel(model, env)!;
  const { bytes, isGated } = await lookUpRemote(remote, { env, userAgent: `llamav/${version}` });
  const facts = [
    `${remote.repository} is not on this machine.`,
    ...bytes === undefined ? [] : [`It is about ${formatBytes(bytes)}.`],
    ...isGated
      ? ["Its owner gives it to who has agreed to its license on its page, by a token (HF_TOKEN)."]
      : [],
    "Fetch it from the hub? [y/N] ",
  ];
  return /^y(es)?$/i.test((await terminal.ask(facts.join(" "))).trim());
}
