import { type Command, Option } from "commander";
import type { Environment } from "../base/environment.ts";
import {
  describeDefault,
  describeRange,
  environmentName,
  findVariable,
  parseSetting,
  type Setting,
  type SettingName,
  settings,
  type SettingValues,
  spellingsOf,
} from "../runtime/options.ts";
import { isServiceAddress } from "../runtime/variables.ts";
import { UsageError } from "./exit_codes.ts";

/** Gives a command the flags of these settings, with limits, default and variable in their help. */
export function addFlags(command: Command, names: readonly SettingName[]): Command {
  for (const name of names) {
    const setting: Setting = settings[name];
    command.addOption(flagOf(setting, command));
    for (const alias of setting.aliases ?? []) {
      const other = flagOf({ ...setting, flag: alias, short: undefined }, command);
      command.addOption(other.hideHelp());
    }
    // A switch can be on by default or by its variable, so it can be turned off.
    if (setting.kind === "switch") {
      command.addOption(new Option(`--no-${setting.flag.slice(2)}`).hideHelp());
    }
  }
  return command;
}

function flagOf(setting: Setting, command: Command): Option {
  const short = setting.short === undefined ? "" : `${setting.short}, `;
  const value = setting.kind === "switch" ? "" : ` <${setting.placeholder ?? "n"}>`;
  const option = new Option(`${short}${setting.flag}${value}`, describe(setting));
  if (setting.kind === "switch") return option;
  return option.argParser((text: string, previous: unknown) => {
    try {
      const parsed = parseSetting(setting, text);
      return setting.kind === "list"
        ? [...(previous as string[] | undefined ?? []), ...parsed as string[]]
        : parsed;
    } catch (error) {
      throw new UsageError(
        `${setting.flag} ${(error as RangeError).message}`,
        `Try ${namesOf(command).join(" ")} --help`,
      );
    }
  });
}

/** What calls a command: `["llamav", "bench", "serve"]`. */
function namesOf(command: Command): string[] {
  return [...command.parent ? namesOf(command.parent) : [], command.name()];
}

function describe(setting: Setting): string {
  const notes = [];
  if (setting.kind === "choice") notes.push(setting.choices.join(" or "));
  if ("maximum" in setting && setting.maximum < 1e6) notes.push(describeRange(setting));
  const fallback = describeDefault(setting);
  if (fallback !== undefined) notes.push(`default: ${fallback}`);
  if (setting.shortWord !== undefined) notes.push(`also ${setting.shortWord}`);
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

/** Whether the command line itself says what a setting is. */
export function isGivenByFlag(command: Command, setting: Setting): boolean {
  return attributeOnCommandLine(command, setting) !== undefined;
}

function attributeOnCommandLine(command: Command, setting: Setting): string | undefined {
  return spellingsOf(setting).map((flag) => new Option(flag).attributeName())
    .find((attribute) => command.getOptionValueSource(attribute) === "cli");
}

function readFlag(
  command: Command,
  setting: Setting,
  env: Environment,
): unknown {
  const attribute = attributeOnCommandLine(command, setting);
  if (attribute !== undefined) return command.getOptionValue(attribute);
  const found = findVariable(setting, env);
  if (!found) return setting.kind === "list" ? [] : "fallback" in setting ? setting.fallback : undefined;
  try {
    return parseSetting(setting, found.text);
  } catch (error) {
    const message = `${found.variable} ${(error as RangeError).message}`;
    // So LLAMAV_PORT looks in a pod beside a service that is called llamav.
    throw new UsageError(
      message,
      isServiceAddress(found.text)
        ? "Kubernetes sets it for a service of that name: give the pod enableServiceLinks: false"
        : undefined,
    );
  }
}

/**
 * The arguments with short flags of several letters spelled out, which would be read as several flags of one letter.
 * Only those that the command has, and neither values of flags nor what stands behind `--`.
 */
export function spellOutShortWords(program: Command, args: readonly string[]): string[] {
  const name = args.find((arg) => !arg.startsWith("-"));
  const command = program.commands.find((command) => command.name() === name);
  const words = Object.values<Setting>(settings).flatMap(({ shortWord, flag }) =>
    shortWord ? [{ shortWord, flag }] : []
  );
  const end = args.indexOf("--");
  return args.map((arg, index) => {
    const before = command?.options.find(({ short, long }) => [short, long].includes(args[index - 1]));
    if ((index > 0 && before?.required) || (end >= 0 && index > end)) return arg;
    const [written, value] = arg.split(/=(.*)/s);
    const word = words.find(({ shortWord }) => shortWord === written);
    if (!word || !command?.options.some(({ long }) => long === word.flag)) return arg;
    return value === undefined ? word.flag : `${word.flag}=${value}`;
  });
}
