import type { Environment } from "../base/environment.ts";
import { benchSettings } from "./bench_settings.ts";
import { chatSettings } from "./chat_settings.ts";
import { requestSettings } from "./request_settings.ts";
import { serveSettings } from "./serve_settings.ts";

/**
 * Every setting of the program, once: its flag, its limits, its default and its help. The commands build their
 * flags and variables from this table, and the HTTP edge takes its limits from it.
 */
interface SettingText {
  /** The long flag, such as `--top-k`. Its variable is `LLAMAV_TOP_K`. */
  readonly flag: `--${string}`;
  readonly short?: `-${string}`;
  /** A short flag of several letters, as another program has it. */
  readonly shortWord?: `-${string}`;
  /**
   * Other long flags that mean the same: names that people know from other programs. They have variables and keys of
   * the settings file, too. Help does not list them.
   */
  readonly aliases?: readonly `--${string}`[];
  /** What the help calls the value. */
  readonly placeholder?: string;
  /** One line; the default and the variable are added to it. */
  readonly help: string;
  /** What happens when it is left out, where that is not a fixed value. */
  readonly otherwise?: string;
}

export interface NumberSetting extends SettingText {
  readonly kind: "number" | "integer";
  readonly minimum: number;
  readonly maximum: number;
  readonly fallback?: number;
}

/** Several whole numbers, with commas between them. */
export interface IntegersSetting extends SettingText {
  readonly kind: "integers";
  readonly minimum: number;
  readonly maximum: number;
  readonly fallback?: readonly number[];
}

export interface TextSetting extends SettingText {
  readonly kind: "text";
  /** Words that it often is, for shells that complete them. */
  readonly words?: readonly string[];
  readonly fallback?: string;
}

/** On or off; `--no-…` turns it off. */
export interface SwitchSetting extends SettingText {
  readonly kind: "switch";
}

/** Between the values of a list that the settings file puts into its variable: no system lets a person write it. */
export const listSeparator = "\0";

/** Given several times; its variable holds one value, or several with commas between them where it `takesCommas`. */
export interface ListSetting extends SettingText {
  readonly kind: "list";
  /** Whether one text may hold several values: where no value has a comma in it. */
  readonly takesCommas?: boolean;
}

/** One of a few words. */
export interface ChoiceSetting extends SettingText {
  readonly kind: "choice";
  readonly choices: readonly string[];
  readonly fallback: string;
}

export type Setting =
  | NumberSetting
  | IntegersSetting
  | TextSetting
  | SwitchSetting
  | ListSetting
  | ChoiceSetting;

export const settings = {
  ...requestSettings,
  device: {
    kind: "text",
    flag: "--device",
    placeholder: "which",
    words: ["discrete", "integrated", "virtual", "cpu"],
    help: "Vulkan device: its number, a part of its name, or discrete, integrated, virtual, cpu",
    otherwise: "the best one",
  },
  contextLength: {
    kind: "integer",
    flag: "--ctx-size",
    aliases: ["--max-model-len"],
    short: "-c",
    minimum: 16,
    maximum: 131_072,
    help: "tokens that prompt and answer may have together; more needs more memory",
    otherwise: "8192, the model's maximum, or what memory allows, whichever is least",
  },
  imageTiles: {
    kind: "integer",
    flag: "--image-tiles",
    minimum: 1,
    maximum: 4096,
    help:
      "tiles that the pictures of all conversations may have together on the device; a picture has up to 4",
    otherwise: "16; 8 or 4 where memory is short",
  },
  maxTiles: {
    kind: "integer",
    flag: "--max-tiles",
    minimum: 1,
    maximum: 4,
    help: "tiles that a picture is cut into at most; 1 is faster and sees no fine detail",
    otherwise: "what the model knows, 4",
  },
  verbose: {
    kind: "switch",
    flag: "--verbose",
    short: "-v",
    help: "say on stderr what takes how much memory and how long",
  },
  debug: { kind: "switch", flag: "--debug", help: "say where in the program an error came from" },
  json: { kind: "switch", flag: "--json", help: "print one JSON object" },
  yes: {
    kind: "switch",
    flag: "--yes",
    short: "-y",
    help: "ask nothing: pull what is missing, remove what is named",
  },
  include: {
    kind: "list",
    flag: "--include",
    placeholder: "pattern",
    help: "fetch only files whose names fit, as *.json; may be given several times",
  },
  exclude: {
    kind: "list",
    flag: "--exclude",
    placeholder: "pattern",
    help: "fetch no files whose names fit, as *.safetensors; may be given several times",
  },
  offline: {
    kind: "switch",
    flag: "--offline",
    help: "fetch no model and ask no hub for one",
    otherwise: "what HF_HUB_OFFLINE says",
  },
  model: {
    kind: "text",
    flag: "--model",
    placeholder: "model",
    help: "another spelling of MODEL; as a setting, the model of every command that is given none",
  },
  huggingfaceRepoId: {
    kind: "text",
    flag: "--huggingface-repo-id",
    placeholder: "model",
    help: "another spelling of MODEL",
  },
  maxQueued: {
    kind: "integer",
    flag: "--max-num-queued-reqs",
    minimum: 1,
    maximum: 65_536,
    fallback: 64,
    help: "requests that may wait for their turn; one more is answered with 429",
  },
  maxQueuedTokens: {
    kind: "integer",
    flag: "--max-num-queued-tokens",
    minimum: 1,
    maximum: 2 ** 31 - 1,
    fallback: 1_000_000,
    help: "tokens that waiting requests may have together, pictures counted; one more is answered with 429",
  },
  maxSequences: {
    kind: "integer",
    flag: "--max-num-seqs",
    shortWord: "-np",
    aliases: ["--parallel", "--max-num-sequences"],
    minimum: 1,
    maximum: 256,
    help: "answers that are computed at the same time",
    otherwise: "32, on a CPU 8",
  },
  kvTokens: {
    kind: "integer",
    flag: "--kv-tokens",
    minimum: 16,
    maximum: 2 ** 31 - 1,
    help: "tokens whose keys and values stay on the device, over all answers; at least --ctx-size",
    otherwise: "what memory allows, at most 4 times --ctx-size, on a CPU twice",
  },
  prefixCache: {
    kind: "switch",
    flag: "--enable-prefix-caching",
    help: "keep the keys and values of texts for later requests that begin alike",
    otherwise: "yes",
  },
  warmUp: {
    kind: "switch",
    flag: "--warmup",
    help:
      "run vision, prefill and decode once before the first question, which then takes no longer than later ones",
    otherwise: "yes for chat and serve on a graphics card; no on a CPU, and for the one question of run",
  },
  checkTensors: {
    kind: "switch",
    flag: "--check-tensors",
    help: "read every weight first, and warn of NaN, infinity and matrices of zeros",
  },
  messages: {
    kind: "text",
    flag: "--messages",
    placeholder: "file",
    help: "JSON file of a conversation: {messages, tools?, date_string?, …} in OpenAI form, or a case file",
  },
  out: { kind: "text", flag: "--out", placeholder: "file", help: "safetensors file to write" },
  images: {
    kind: "text",
    flag: "--images",
    placeholder: "folder",
    help: "folder of the pictures that the messages name",
    otherwise: "the folder of --messages",
  },
  greedyTokens: {
    kind: "integer",
    flag: "--max-tokens",
    short: "-n",
    minimum: 0,
    maximum: 131_072,
    fallback: 0,
    help: "greedy tokens to compute after the prompt",
  },
  steps: { kind: "switch", flag: "--steps", help: "write the states after each step, too" },
  ...serveSettings,
  ...benchSettings,
  ...chatSettings,
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings;

type ValueOfSetting<S extends Setting> = S extends { kind: "switch" } ? boolean | undefined
  : S extends { kind: "list" } ? readonly string[]
  : S extends { choices: readonly (infer Choice)[] } ? Choice
  : S extends { fallback: number } ? number
  : S extends { fallback: string } ? string
  : S extends { fallback: readonly number[] } ? readonly number[]
  : S extends { kind: "integers" } ? readonly number[] | undefined
  : S extends { kind: "text" } ? string | undefined
  : number | undefined;

/** The values of some settings, typed by the table. */
export type SettingValues<N extends SettingName> = { readonly [K in N]: ValueOfSetting<typeof settings[K]> };

/** The variable of a setting: that of `--top-k` is `LLAMAV_TOP_K`. */
export function environmentName(setting: Setting): string {
  return variableOf(setting.flag);
}

/** All variables of a setting, its own first. */
export function environmentNames(setting: Setting): readonly string[] {
  return spellingsOf(setting).map(variableOf);
}

/**
 * What the variables say about a setting. Its own one wins over those of its other spellings.
 *
 * @returns undefined if none is set; an empty variable is one that is not set, as everywhere in shells
 */
export function findVariable(
  setting: Setting,
  env: Environment,
): { readonly variable: string; readonly text: string } | undefined {
  for (const variable of environmentNames(setting)) {
    const text = env[variable];
    if (text) return { variable, text };
  }
  return undefined;
}

/** All long flags of a setting, its own first. */
export function spellingsOf({ flag, aliases = [] }: Setting): readonly string[] {
  return [flag, ...aliases];
}

function variableOf(flag: string): string {
  return `LLAMAV_${flag.slice(2).replaceAll("-", "_").toUpperCase()}`;
}

/**
 * Reads one value as a person wrote it, in a flag or in a variable.
 *
 * @returns string, number, numbers, or for a switch boolean; of a list the values that the text holds
 * @throws {RangeError} If it is no such number, or outside the limits; the message begins with "must".
 */
export function parseSetting(
  setting: Setting,
  text: string,
): string | number | boolean | readonly number[] | readonly string[] {
  switch (setting.kind) {
    case "text":
      return text;
    case "list":
      return parseList(setting, text);
    case "switch":
      if (/^(1|true|yes|on)$/i.test(text)) return true;
      if (/^(0|false|no|off)$/i.test(text)) return false;
      throw new RangeError(`must be yes or no, not "${text}"`);
    case "choice":
      if (setting.choices.includes(text)) return text;
      throw new RangeError(`must be ${setting.choices.join(" or ")}, not "${text}"`);
    case "number":
    case "integer":
      return parseNumber(setting, text, text);
    case "integers":
      return text.split(",").map((part) => parseNumber(setting, part, text));
  }
}

/** Of a variable that the settings file has filled, the values of its list. */
function parseList({ takesCommas = false }: ListSetting, text: string): string[] {
  const texts = text.split(listSeparator);
  if (!takesCommas) return texts;
  const values = texts.flatMap((part) => part.split(",")).map((value) => value.trim());
  if (values.includes("")) {
    throw new RangeError(`must have a value before and behind each comma, not "${text}"`);
  }
  return values;
}

function parseNumber(setting: NumberSetting | IntegersSetting, text: string, whole: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  const right = setting.kind === "number" ? Number.isFinite(value) : Number.isSafeInteger(value);
  if (!right || value < setting.minimum || value > setting.maximum) {
    throw new RangeError(`must be ${describeRange(setting)}, not "${whole}"`);
  }
  return value;
}

const rangeNouns = { number: "a number", integer: "a whole number", integers: "whole numbers" };

/** `"a whole number from 0 to 65535"`. */
export function describeRange(setting: NumberSetting | IntegersSetting): string {
  const noun = rangeNouns[setting.kind];
  return `${noun} from ${setting.minimum} to ${setting.maximum}`;
}

/** The default as the help prints it, or `undefined` where leaving it out needs no word. */
export function describeDefault(setting: Setting): string | undefined {
  if ("fallback" in setting && setting.fallback !== undefined) return String(setting.fallback);
  return setting.otherwise;
}
