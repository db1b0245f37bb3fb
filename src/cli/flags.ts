import { type Command, InvalidArgumentError, Option } from "commander";
import type { Environment } from "../base/environment.ts";
import {
  describeDefault,
  describeRange,
  environmentName,
  listSeparator,
  parseSetting,
  type Setting,
  type SettingName,
  settings,
  type SettingValues,
} from "../runtime/options.ts";
import { UsageError } from "./exit_codes.ts";

/** Gives a command the flags of these settings, with limits, default and variable in their help. */
export function addFlags(command: Command, names: readonly SettingName[]): Command {
  for (const name of names) {
    const setting: Setting = settings[name];
    command.addOption(flagOf(setting));
    for (const alias of setting.aliases ?? []) {
      const other = flagOf({ ...setting, flag: alias, short: undefined });
      command.addOption(other.hideHelp());
    }
    // A switch can be on by default or by its variable, so it can be turned off.
    if (setting.kind === "switch") {
      command.addOption(new Option(`--no-${setting.flag.slice(2)}`).hideHelp());
    }
  }
  return command;
}

function flagOf(setting: Setting): Option {
  const short = setting.short === undefined ? "" : `${setting.short}, `;
  const value = setting.kind === "switch" ? "" : ` <${setting.placeholder ?? "n"}>`;
  const option = new Option(`${short}${setting.flag}${value}`, describe(setting));
  if (setting.kind === "switch") return option;
  return option.argParser((text: string, previous: unknown) => {
    try {
      const parsed = parseSetting(setting, text);
      return setting.kind === "list" ? [...(previous as string[] | undefined ?? []), parsed] : parsed;
    } catch (error) {
      throw new InvalidArgumentError((error as RangeError).message);
    }
  });
}

function describe(setting: Setting): string {
  const notes = [];
  if (setting.kind === "choice") notes.push(setting.choices.join(" or "));
  if ("maximum" in setting && setting.maximum < 1e6) notes.push(describeRange(setting));
  const fallback = describeDefault(setting);
  if (fallback !== undefined) notes.push(`default: ${fallback}`);
  notes.push(environmentName(setting));
  return `${setting.help} (${notes.join("; ")})`;
}

/**
 * The values of a command's settings: the flag's, else the variable's, else the default.
 *
 * @throws {UsageError} If a variable holds what its setting cannot be.
 */
export function readFlags<N extends SettingName>(
  command: Command,
  names: readonly N[],
  env: Environment,
): SettingValues<N> {
  return Object.fromEntries(
    names.map((name) => [name, readFlag(command, settings[name], env)]),
  ) as SettingValues<N>;
}

function readFlag(
  command: Command,
  setting: Setting,
  env: Environment,
): unknown {
  for (const flag of [setting.flag, ...setting.aliases ?? []]) {
    const attribute = new Option(flag).attributeName();
    if (command.getOptionValueSource(attribute) === "cli") return command.getOptionValue(attribute);
  }
  const variable = environmentName(setting);
  // An empty variable means that it is not set, as everywhere in shells.
  const text = env[variable] ?? "";
  if (text === "") return setting.kind === "list" ? [] : "fallback" in setting ? setting.fallback : undefined;
  try {
    return setting.kind === "list" ? text.split(listSeparator) : parseSetting(setting, text);
  } catch (error) {
    throw new UsageError(`${variable} ${(error as RangeError).message}`);
  }
}
