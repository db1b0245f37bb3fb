import type { Command } from "commander";
import { DeviceError, type ExplainedError, ModelError, ModelNotFoundError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";
import { findVariable, type Setting, settings } from "../runtime/options.ts";
import type { CliContext } from "./context.ts";
import { ModelNameError } from "./exit_codes.ts";
import { isGivenByFlag } from "./flags.ts";

type Sources = Pick<CliContext, "env" | "variables" | "settingsFile">;

/**
 * What stands where a setting was set, if that is no flag: `LLAMAV_CTX_SIZE`, or `ctx-size` of the settings file.
 *
 * @returns a way to write it down, with the value where there is one
 */
export function writtenSource(
  setting: Setting,
  { env, variables, settingsFile }: Sources,
): ((value?: string) => string) | undefined {
  const found = findVariable(setting, env);
  if (found === undefined) return undefined;
  const { variable } = found;
  if (variables[variable]) return (value) => value === undefined ? variable : `${variable}=${value}`;
  const { path, keys } = settingsFile!;
  const key = keys[variable]!;
  return (value) => `${key}${value === undefined ? "" : ` = ${value}`} in ${quote(path, 1000)}`;
}

/** The settings whose value an error quotes without naming their flag: it is about what they name. */
function quotedSettings(error: ExplainedError): readonly Setting[] {
  if (error instanceof DeviceError) return [settings.device];
  const isOfModel = [ModelNotFoundError, ModelError, ModelNameError].some((kind) => error instanceof kind);
  return isOfModel ? [settings.model, settings.huggingfaceRepoId] : [];
}

/** A message about a model or device that nobody wrote behind the command: with where its name stands. */
function nameQuoted(error: ExplainedError, command: Command, sources: Sources): string {
  const { message } = error;
  for (const setting of quotedSettings(error)) {
    const text = findVariable(setting, sources.env)?.text;
    if (text === undefined || isGivenByFlag(command, setting)) continue;
    // MODEL is the first word behind a command, or it is none of them.
    if (setting !== settings.device && command.args[0] === text) continue;
    const source = writtenSource(setting, sources)!();
    for (const name of [quote(text, 1000), quote(text)]) {
      if (message.includes(name)) return message.replace(name, () => `${name} (${source})`);
    }
  }
  return message;
}

/**
 * What an error says about settings, which calls each by its flag, as the person knows it who has set it otherwise:
 * "--ctx-size 9 is too few" becomes "LLAMAV_CTX_SIZE=9 is too few". What is quoted is somebody else's text, and stays.
 * Advice stays as it is, too: a flag always wins.
 *
 * @param command the one that ran
 */
export function nameSources(error: ExplainedError, command: Command, sources: Sources): string {
  const parts = nameQuoted(error, command, sources).split(/("[^"]*")/);
  // A quotation that does not end: nobody can tell what is part of it.
  if (parts.at(-1)!.includes('"')) return error.message;
  return parts.map((part) => part.startsWith('"') ? part : nameFlags(part, command, sources)).join("");
}

function nameFlags(text: string, command: Command, sources: Sources): string {
  let named = text;
  for (const setting of Object.values<Setting>(settings)) {
    const isOfCommand = command.options.some(({ long }) => long === setting.flag);
    if (!isOfCommand || !text.includes(setting.flag) || isGivenByFlag(command, setting)) continue;
    const source = writtenSource(setting, sources);
    if (source === undefined) continue;
    const mention = new RegExp(`(?<![\\w-])${setting.flag}(?: (\\d[\\d.]*\\b))?(?![\\w-])`, "g");
    named = named.replace(mention, (_, value?: string) => source(value));
  }
  return named;
}
