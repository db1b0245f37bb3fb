import { escapeLine } from "./escape.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** All that a line for programs may tell besides its message: names, counts and times. */
const fieldNames = [
  "request_id",
  "trace_id",
  "key",
  "method",
  "path",
  "status",
  "outcome",
  "error_code",
  "error_param",
  "prompt_tokens",
  "completion_tokens",
  "image_tiles",
  "duration_ms",
  "queue_ms",
  "image_ms",
  "prefill_ms",
  "decode_ms",
] as const;

export type LogFields = Readonly<Partial<Record<typeof fieldNames[number], string | number | undefined>>>;

/**
 * What happened, one line each, for the person who operates the program. Never prompts, answers or secrets. The
 * message says all of it; `fields` say it once more, for programs.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Lines for people, or one JSON object per line with time, level, message and fields. */
export type LogFormat = "text" | "json";

const order: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const prefixes: Readonly<Record<LogLevel, string>> = {
  debug: "debug: ",
  info: "",
  warn: "warning: ",
  error: "error: ",
};

/**
 * A log that hands each line, escaped and ending in a line feed, to `write`.
 *
 * @param minimum lines of lower levels are dropped
 */
export function createLog(
  write: (line: string) => void,
  minimum: LogLevel = "info",
  format: LogFormat = "text",
): Log {
  const at = (level: LogLevel) => (message: string, fields: LogFields = {}): void => {
    if (order.indexOf(level) < order.indexOf(minimum)) return;
    write(
      `${
        format === "json" ? jsonLine(level, message, fields) : `${prefixes[level]}${escapeLine(message)}`
      }\n`,
    );
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function jsonLine(level: LogLevel, message: string, fields: LogFields): string {
  const line: Record<string, unknown> = {
    time: new Date().toISOString(),
    level,
    message: escapeLine(message),
  };
  // By name, not by what is there: an object with more in it tells no more.
  for (const name of fieldNames) if (fields[name] !== undefined) line[name] = fields[name];
  return JSON.stringify(line);
}

/** Drops everything; for tests and for callers that report in another way. */
export const silentLog: Log = createLog(() => {});
