import {
  describeRange,
  parseSetting,
  type Setting,
  settings,
  type SettingValues,
} from "../../runtime/options.ts";
import type { GenerateRequest, ModelInfo } from "../../runtime/request.ts";
import { givenSampling, requestLimits, samplingNames } from "../../runtime/request_settings.ts";
import { UsageError } from "../exit_codes.ts";

/** What can be set while a conversation goes on. */
export const parameterSettings = [...samplingNames, "maxTokens", "stop"] as const;

type ParameterName = typeof parameterSettings[number];

export type Parameters = Partial<SettingValues<ParameterName>> & {
  /** What every answer must be: a JSON object. */
  readonly format?: "json";
};

/** Names that other programs gave the same. */
const aliases: Readonly<Record<string, string>> = {
  "temperature": "temp",
  "num-predict": "max-tokens",
  "repeat-penalty": "repetition-penalty",
};

/** How the parameters are called, as their flags are: `"top-k"`. */
export const parameterLabels: readonly string[] = [...parameterSettings.map(labelOf), "format"];

/**
 * The parameters with one of them changed.
 *
 * @param text `default` leaves it to the model again; a stop text is added to those that there are
 * @throws {UsageError} If there is no such parameter, or it cannot be that.
 */
export function setParameter(parameters: Parameters, label: string, text: string): Parameters {
  if (label.toLowerCase() === "format") return { ...parameters, format: parseFormat(text) };
  const name = nameOf(label);
  const setting: Setting = settings[name];
  if (text === "default") return { ...parameters, [name]: undefined };
  if (name === "stop") {
    const stop = [...parameters.stop ?? [], text];
    if (text === "" || stop.length > requestLimits.stops) {
      throw new UsageError(
        `stop takes up to ${requestLimits.stops} texts that are not empty`,
        "/set stop default removes them",
      );
    }
    return { ...parameters, stop };
  }
  try {
    return { ...parameters, [name]: parseSetting(setting, text) };
  } catch (error) {
    throw new UsageError(
      `${labelOf(name)} ${(error as RangeError).message}`,
      `/set ${labelOf(name)} default undoes it`,
    );
  }
}

/** How the model that answers draws tokens, see `ModelInfo`. */
type ModelSampling = ModelInfo["sampling"];

/** Every parameter with its value, and those that nobody set with what holds instead. */
export function describeParameters(
  parameters: Parameters,
  own: ModelSampling,
): readonly (readonly [label: string, value: string])[] {
  const rows = parameterSettings.map((name) => {
    return [labelOf(name), valueText(parameters, name) ?? otherwiseOf(name, own)] as const;
  });
  return [...rows, ["format", parameters.format ?? "any text"]];
}

/**
 * One parameter for who wants to change it: its value, what it is without one, what it does and what it can be.
 *
 * @throws {UsageError} If there is no such parameter.
 */
export function describeParameter(parameters: Parameters, label: string, own: ModelSampling): string {
  if (label.toLowerCase() === "format") {
    return `format is ${parameters.format ?? "any text"}\nIt can be json, or default: any text`;
  }
  const name = nameOf(label);
  const setting: Setting = settings[name];
  const otherwise = otherwiseOf(name, own);
  const range = "minimum" in setting ? describeRange(setting) : "any text";
  return [
    `${labelOf(name)} is ${valueText(parameters, name) ?? otherwise}: ${setting.help}`,
    `It can be ${range}, or default: ${otherwise}`,
  ].join("\n");
}

function otherwiseOf(name: ParameterName, own: ModelSampling): string {
  const setting: Setting = settings[name];
  const value = (own as Partial<Record<ParameterName, number>>)[name];
  const text = setting.otherwise ?? "none";
  return value === undefined || text === String(value) ? text : `${value}, ${text}`;
}

/** @returns undefined for an answer that may be any text */
function parseFormat(text: string): "json" | undefined {
  if (text === "default") return undefined;
  if (text.toLowerCase() === "json") return "json";
  throw new UsageError(`format must be json, not "${text}"`, "llamav run --json-schema keeps to a schema");
}

/** Those that somebody set, on one line: `"temp 0.5, seed 3"`; empty if nobody set any. */
export function describeChosen(parameters: Parameters): string {
  const chosen = parameterSettings.flatMap((name) => {
    const text = valueText(parameters, name);
    return text === undefined ? [] : [`${labelOf(name)} ${text}`];
  });
  return [...chosen, ...parameters.format === undefined ? [] : [`format ${parameters.format}`]].join(", ");
}

/** @returns undefined if nobody set it */
function valueText(parameters: Parameters, name: ParameterName): string | undefined {
  const value = parameters[name];
  if (Array.isArray(value)) return value.length === 0 ? undefined : JSON.stringify(value);
  return value === undefined ? undefined : String(value);
}

/** The part of a request that they are. */
export function toRequest(
  parameters: Parameters,
): Pick<GenerateRequest, "sampling" | "maxTokens" | "stop" | "constraint"> {
  const { maxTokens, stop, format } = parameters;
  return {
    sampling: givenSampling(parameters),
    maxTokens,
    stop,
    constraint: format === undefined ? undefined : { type: format },
  };
}

/** Whether what a file holds are parameters. */
export function isParameters(value: unknown): value is Parameters {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([name, entry]) => {
    if (name === "format") return entry === "json";
    if (!parameterSettings.some((known) => known === name)) return false;
    if (name === "stop") return Array.isArray(entry) && entry.every((text) => typeof text === "string");
    try {
      return typeof entry === "number" &&
        parseSetting(settings[name as ParameterName], String(entry)) === entry;
    } catch {
      return false;
    }
  });
}

function nameOf(label: string): ParameterName {
  const written = label.toLowerCase().replaceAll("_", "-");
  const wanted = aliases[written] ?? written;
  const name = parameterSettings.find((name) => labelOf(name) === wanted);
  if (name !== undefined) return name;
  throw new UsageError(
    `There is no parameter "${label}"`,
    `There are ${parameterLabels.join(", ")}`,
  );
}

function labelOf(name: ParameterName): string {
  return settings[name].flag.slice(2);
}
