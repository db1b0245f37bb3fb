import type { Command } from "commander";
import { quote } from "../base/quote.ts";
import { findVariable, type Setting, settings } from "../runtime/options.ts";
import type { CliContext } from "./context.ts";
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

/** Settings whose value an error quotes, without naming the flag. */
const quoted = [settings.model, settings.huggingfaceRepoId, settings.device];

/** A message about a model or device that nobody wrote behind the command: with where its name stands. */
function nameQuoted(message: string, command: Command, sources: Sources): string {
  for (const setting of quoted) {
    const text = findVariable(setting, sources.env)?.text;
    if (text === undefined || command.args.includes(text) || isGivenByFlag(command, setting)) continue;
    const source = writtenSource(setting, sources)!();
    for (const name of [quote(text, 1000), quote(text)]) {
      if (message.includes(name)) return message.replace(name, () => `${name} (${source})`);
    }
  }
  return message;
}

/**
 * A message about settings, which calls each by its flag, as the person knows it who has set it otherwise:
 * "--ctx-size 9 is too few" becomes "LLAMAV_CTX_SIZE=9 is too few". Advice stays as it is: a flag always wins.
 *
 * @param command the one that ran
 */
export function nameSources(message: string, command: Command, sources: Sources): string {
  let named = nameQuoted(message, command, sources);
  for (const setting of Object.values<Setting>(settings)) {
    const isOfCommand = command.options.some(({ long }) => long === setting.flag);
    if (!isOfCommand || !message.includes(setting.flag) || isGivenByFlag(command, setting)) continue;
    const source = writtenSource(setting, sources);
    if (source === undefined) continue;
    const mention = new RegExp(`(?<![\\w-])${setting.flag}(?: (\\d[\\d.]*\\b))?(?![\\w-])`, "g");
    named = named.replace(mention, (_, value?: string) => source(value));
  }
  return named;
}
