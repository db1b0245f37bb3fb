import { readFileSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import type { Environment } from "../base/environment.ts";
import { nearest } from "../base/nearest.ts";
import { quote } from "../base/quote.ts";
import {
  environmentName,
  findVariable,
  listSeparator,
  parseSetting,
  type Setting,
  settings,
  spellingsOf,
} from "./options.ts";

/** The settings that a person has written down for good. */
export interface SettingsFile {
  readonly path: string;
  /** Values as variables would hold them, by the name of the variable. */
  readonly values: Readonly<Record<string, string>>;
  /** The keys that these values stand behind: a setting may have several names. */
  readonly keys: Readonly<Record<string, string>>;
  /** What is wrong with it, by file and line. */
  readonly problems: readonly string[];
}

/** More than all settings take by far: the parser's time grows with the square of the keys. */
const maxBytes = 1 << 16;

/** A person writes no more; to look for a fault takes time by the square of it. */
const maxSearchedLines = 1000;

/** Who has made so many mistakes has put another file there. */
const mostProblems = 20;

/**
 * Where the settings file is looked for. Never in the current directory: who unpacks a foreign archive and works in
 * its folder has not asked for the settings of a stranger.
 *
 * @returns undefined where there is no home
 */
export function settingsFilePath(env: Environment, platform: string = process.platform): string | undefined {
  const { XDG_CONFIG_HOME: chosen } = env;
  const home = platform === "win32" ? env.APPDATA : env.HOME && join(env.HOME, ".config");
  const folder = [chosen, home].find((path) => path && isAbsolute(path));
  return folder && join(folder, "llamav", "config.toml");
}

/**
 * Reads the settings file: TOML, one key for each flag without its hyphens in front, as in `ctx-size = 4096`.
 *
 * @returns undefined where there is none
 */
export function readSettingsFile(env: Environment): SettingsFile | undefined {
  const path = settingsFilePath(env);
  if (path === undefined) return undefined;
  const name = quote(path, 1000);
  const values: Record<string, string> = {};
  const keys: Record<string, string> = {};
  const problems: string[] = [];
  let text: string | undefined;
  try {
    text = readText(path);
  } catch (error) {
    return { path, values, keys, problems: [`${name} cannot be read: ${(error as Error).message}`] };
  }
  if (text === undefined) return undefined;
  const lines = text.split("\n");
  let table: Record<string, unknown>;
  try {
    table = parseToml(text);
  } catch (error) {
    const reason = (error as Error).message.replace(/^TOML Parse error: /, "");
    return { path, values, keys, problems: [`${name}${lineOfFault(lines)} must be TOML: ${reason}`] };
  }
  for (const [key, value] of Object.entries(table)) {
    if (problems.length === mostProblems) {
      problems.push(`${name}: what stands behind these ${mostProblems} mistakes was not read`);
      break;
    }
    try {
      const same = settingsCalled(key);
      const [setting] = same;
      if (setting === undefined) throw new RangeError(unknownKey(key));
      const variable = environmentName(setting);
      const other = keys[variable];
      if (other !== undefined) throw new RangeError(`${other} and ${key} are one setting; keep one of them`);
      keys[variable] = key;
      values[variable] = variableText(key, value, same);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      problems.push(`${name}${lineOfKey(lines, key)}: ${error.message}`);
    }
  }
  return { path, values, keys, problems };
}

function unknownKey(key: string): string {
  const meant = nearest(key, Object.values<Setting>(settings).flatMap(spellingsOf).map(keyOf));
  const remedy = meant === undefined ? "llamav config lists them" : `did you mean ${meant}?`;
  return `there is no setting ${quote(key)}; ${remedy}`;
}

/** The variables as they are, and behind them what the file says. */
export function withSettingsFile(env: Environment, file: SettingsFile | undefined): Environment {
  if (file === undefined) return env;
  const fromFile = Object.values<Setting>(settings)
    .filter((setting) => findVariable(setting, env) === undefined)
    .map((setting) => [environmentName(setting), file.values[environmentName(setting)]] as const)
    .filter(([, text]) => text !== undefined);
  return { ...env, ...Object.fromEntries(fromFile) };
}

/** Those that a key of the file can mean; one flag may mean a little else to each command. */
function settingsCalled(key: string): Setting[] {
  return Object.values<Setting>(settings).filter((setting) => spellingsOf(setting).includes(`--${key}`));
}

/** Of the flag `--ctx-size` the key is `ctx-size`. */
function keyOf(flag: string): string {
  return flag.slice(2);
}

/** @returns undefined where there is no file */
function readText(path: string): string | undefined {
  try {
    const found = statSync(path);
    // A pipe or a device has no end.
    if (!found.isFile() || found.size > maxBytes) {
      throw new RangeError(`it must be a file of at most ${maxBytes} bytes`);
    }
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(String((error as { code?: unknown }).code))) return undefined;
    throw error;
  }
}

function parseToml(text: string): Record<string, unknown> {
  return Bun.TOML.parse(text) as Record<string, unknown>;
}

/** The parser does not tell where it stopped: the line behind the most lines that are right by themselves. */
function lineOfFault(lines: readonly string[]): string {
  if (lines.length > maxSearchedLines) return "";
  for (let count = lines.length - 1; count > 0; count--) {
    try {
      parseToml(lines.slice(0, count).join("\n"));
      return `, line ${count + 1},`;
    } catch {
      // It goes wrong before.
    }
  }
  return ", line 1,";
}

function lineOfKey(lines: readonly string[], key: string): string {
  const written = /^\s*\[*\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))/;
  const index = lines.findIndex((line) => {
    const [, ...names] = written.exec(line) ?? [];
    return names.includes(key);
  });
  return index < 0 ? "" : `, line ${index + 1}`;
}

/** What a variable of this setting would hold, checked by all that it can mean. */
function variableText(key: string, value: unknown, same: readonly Setting[]): string {
  const [setting] = same as [Setting];
  const isList = setting.kind === "list" || setting.kind === "integers";
  const parts = isList && Array.isArray(value) ? value : [value];
  if (!parts.every((part) => ["string", "number", "boolean"].includes(typeof part))) {
    const kinds = isList ? "a value or a list of values" : "a value";
    throw new RangeError(`${key} must be ${kinds}, not ${quote(JSON.stringify(value) ?? "nothing")}`);
  }
  const text = parts.map(String).join(setting.kind === "list" ? listSeparator : ",");
  const faults = same.flatMap((setting) => {
    try {
      parseSetting(setting, text);
      return [];
    } catch (error) {
      return [(error as RangeError).message];
    }
  });
  if (faults.length === same.length) throw new RangeError(`${key} ${faults[0]}`);
  return text;
}
