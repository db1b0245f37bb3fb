import { readFileSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { quote } from "../base/quote.ts";
import { environmentName, listSeparator, parseSetting, type Setting, settings } from "./options.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The settings that a person has written down for good. */
export interface SettingsFile {
  readonly path: string;
  /** Values as variables would hold them, by the name of the variable. */
  readonly values: Readonly<Record<string, string>>;
}

const maxBytes = 1 << 20;

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
 * @throws {RangeError} If it cannot be read or something in it is no setting; the message names file and key.
 */
export function readSettingsFile(env: Environment): SettingsFile | undefined {
  const path = settingsFilePath(env);
  const text = path && readText(path);
  if (path === undefined || text === undefined) return undefined;
  let table: Record<string, unknown>;
  try {
    table = Bun.TOML.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new RangeError(`${quote(path, 1000)} must be TOML: ${(error as Error).message}`);
  }
  const values: Record<string, string> = {};
  for (const [key, value] of Object.entries(table)) {
    const same = Object.values<Setting>(settings).filter(({ flag }) => flag === `--${key}`);
    if (same.length === 0) {
      throw new RangeError(
        `${quote(path, 1000)}: there is no setting ${quote(key)}; llamav config lists them`,
      );
    }
    values[environmentName(same[0]!)] = variableText(path, key, value, same);
  }
  return { path, values };
}

/** The variables as they are, and behind them what the file says. */
export function withSettingsFile(env: Environment, file: SettingsFile | undefined): Environment {
  if (file === undefined) return env;
  // An empty variable is one that is not set.
  const given = Object.entries(env).filter(([name, text]) => text !== "" || !(name in file.values));
  return { ...file.values, ...Object.fromEntries(given) };
}

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
    throw new RangeError(`${quote(path, 1000)} cannot be read: ${(error as Error).message}`);
  }
}

/** What a variable of this setting would hold, checked. One flag may mean a little else to each command. */
function variableText(path: string, key: string, value: unknown, same: readonly Setting[]): string {
  const [setting] = same as [Setting];
  const isList = setting.kind === "list" || setting.kind === "integers";
  const parts = isList && Array.isArray(value) ? value : [value];
  if (!parts.every((part) => ["string", "number", "boolean"].includes(typeof part))) {
    const kinds = isList ? "a value or a list of values" : "a value";
    throw new RangeError(
      `${quote(path, 1000)}: ${key} must be ${kinds}, not ${quote(JSON.stringify(value) ?? "nothing")}`,
    );
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
  if (faults.length === same.length) throw new RangeError(`${quote(path, 1000)}: ${key} ${faults[0]}`);
  return text;
}
